"""The published sample under the two plans that come with it: every cent of the reference's quota windows."""

from __future__ import annotations

import csv
import datetime as dt
from collections import defaultdict
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from services.incentive.domain.facts import Account, Cause, Credit, Parameter, Payee, Target
from services.incentive.domain.numbers import show_minor
from services.incentive.domain.plan_reading import read_plan
from services.incentive.domain.plans import Plan
from services.incentive.domain.settlement import lines
from services.incentive.domain.traces import replay
from services.incentive.domain.windows import ALWAYS, Days
from tests.incentive.plan_documents import ACCELERATED, BONUS, COMMISSION

ROOT = Path(__file__).parents[2]
FILES, REFERENCE = ROOT / "merit" / "samples" / "adventureworks", ROOT / "tests" / "reference" / "adventureworks"
SINCE, LAST_WINDOW_ENDS = dt.date(2011, 1, 1), dt.date(2013, 5, 30)
QUOTA_WINDOWS = {"window": {"targets": "sales_amount"}, "without_target": "zero"}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text[:10])


def plans() -> list[Plan]:
    words = {"valid_from": "2011-01-01", "assigned_to": {"roles": ["rep"]}}
    return [
        read_plan("standard", 1, {**words, "components": [{**COMMISSION, **QUOTA_WINDOWS}, BONUS]}),
        read_plan("accelerator", 1, {**words, "components": [ACCELERATED]}),
    ]


def accounts() -> dict[str, Account]:
    people = {row["BusinessEntityID"]: row for row in rows(FILES / "SalesPerson.csv")}
    history = rows(FILES / "SalesPersonQuotaHistory.csv")
    starts = sorted({day(row["QuotaDate"]) for row in history})
    ends = dict(pairwise([*starts, LAST_WINDOW_ENDS])) | {LAST_WINDOW_ENDS: None}
    targets = defaultdict(list)
    for n, row in enumerate(history):
        start = day(row["QuotaDate"])
        if (end := ends.get(start)) and start < LAST_WINDOW_ENDS:
            value = Fraction(row["SalesQuota"])
            targets[row["BusinessEntityID"]].append(Target(str(n), "sales_amount", Days(start, end), "USD", value, 1))
    return {
        rep: Account(
            Payee(rep, frozenset({"rep"})),
            tuple(targets[rep]),
            tuple(
                Parameter(name, Fraction(row[column]), SINCE, None, 1)
                for name, column in (("commission_rate", "CommissionPct"), ("bonus", "Bonus"))
            ),
        )
        for rep, row in people.items()
    }


def credits() -> dict[str, list[Credit]]:
    found = defaultdict(list)
    for row in rows(FILES / "SalesOrderHeader.csv"):
        if rep := row["SalesPersonID"]:
            order, amount = row["SalesOrderID"], Fraction(row["SubTotal"])
            cause = (Cause("crm", order),)
            credit = Credit(
                order, f"direct/{rep}", rep, day(row["OrderDate"]), "USD", amount, amount, False, False, cause
            )
            found[rep].append(credit)
    return found


@pytest.mark.parametrize("reverse", [False, True], ids=["in order", "backwards"])
def test_every_cent_of_every_quota_window(reverse: bool) -> None:
    sold, sums = credits(), defaultdict(int)
    for rep, account in accounts().items():
        for line in lines(account, plans(), sold[rep][:: -1 if reverse else 1], ALWAYS):
            assert replay(line.trace) == line.amount_minor
            sums[rep, line.window.since, line.component] += line.amount_minor
    wanted = {}
    for row in rows(REFERENCE / "rep_quota_window.csv"):
        place = row["SalesPersonID"], day(row["window_start"])
        wanted[*place, "commission"] = row["commission_cents"]
        wanted[*place, "accelerated"] = row["accel_commission_cents"]
        if row["met"] == "True":
            wanted[*place, "bonus"] = f"{row['bonus']}.00"
    assert sum(component == "bonus" for _, _, component in wanted) == 6
    assert {place: show_minor(amount, "USD") for place, amount in sums.items()} == wanted
