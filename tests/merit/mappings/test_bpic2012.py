"""The bank's event log: applications opened, won and lost, and the calls after an offer; months are those of UTC."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from operator import itemgetter

import pytest_asyncio

from tests.merit.mappings.sets import Mapped, Thing, expected, grouped, mapped, mean, overall, ratio, reference, total

OPENED, WON, LOST = (f"crm.opportunity.{what}.v1" for what in ("opened", "won", "lost"))
SCHEDULED, COMPLETED = "crm.followup.scheduled.v1", "crm.followup.completed.v1"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def bank() -> Mapped:
    return await mapped("bpic2012")


def utc_month(data: Thing) -> str:
    return str(data["time"].astimezone(dt.UTC))[:7]


def ends(bank: Mapped) -> dict[str, Thing]:
    """The event that decides each application: the earliest ``won``, else the earliest ``lost``."""
    decided: dict[str, Thing] = {}
    for type_ in (LOST, WON):
        found = sorted(bank.data(type_), key=itemgetter("time"), reverse=True)
        decided |= {data["opportunity_id"]: data | {"won": type_ == WON} for data in found}
    return decided


def cycle(data: Thing) -> Fraction:
    """Seconds from the opening to the end."""
    span = data["time"] - dt.datetime.fromisoformat(data["opened_at"])
    return Fraction(span // dt.timedelta(microseconds=1), 10**6)


def test_every_application(bank: Mapped) -> None:
    amounts = {data["opportunity_id"]: data["amount"] for data in bank.data(OPENED)}
    decided, rows = ends(bank), reference("bpic2012", "case")
    assert len(rows) == len(decided) == len(amounts)
    for row in rows:
        end = decided[row["case_id"]]
        outcome = "won" if end["won"] else end["reason"]
        found = (amounts[row["case_id"]], outcome, end["time"], mean([cycle(end)], 3), end["rep_id"] * end["won"])
        closed = dt.datetime.fromisoformat(row["closed_at"])  # cycle_s was written as a float
        assert found == (
            row["amount_req"],
            row["outcome"],
            closed,
            mean([row["cycle_s"]], 3),
            row["closer"],
        )
        assert dt.datetime.fromisoformat(end["opened_at"]) == dt.datetime.fromisoformat(row["reg_date"])


def test_the_months(bank: Mapped) -> None:
    found = {}
    for key, things in grouped(ends(bank).values(), utc_month).items():
        won = [data for data in things if data["won"]]
        reasons = [data.get("reason") for data in things]
        found[key] = [
            Decimal(len(things)), Decimal(len(won)), Decimal(reasons.count("declined")),
            Decimal(reasons.count("cancelled")), total(data["amount"] for data in won), mean(map(cycle, won), 3),
            ratio(len(won), len(things)),
        ]  # fmt: skip
    columns = ("closed", "won", "declined", "cancelled", "won_amount", "mean_cycle_s_won", "win_rate")
    assert found == expected("bpic2012", "month", ("month",), columns)


def test_what_each_rep_won(bank: Mapped) -> None:
    won = [data for data in ends(bank).values() if data["won"]]
    found = {
        key: [Decimal(len(things)), total(data["amount"] for data in things), mean(map(cycle, things), 3)]
        for key, things in grouped(won, itemgetter("rep_id"), utc_month).items()
    }
    assert found == expected("bpic2012", "rep_month_won", ("rep", "month"), ("won", "amount", "mean_cycle_s"))


def test_the_calls_of_each_rep(bank: Mapped) -> None:
    calls = grouped(bank.data(COMPLETED), itemgetter("rep_id"), utc_month)
    found = {key: [Decimal(len(t)), Decimal(len({data["customer_id"] for data in t}))] for key, t in calls.items()}
    assert found == expected("bpic2012", "rep_month_followups", ("resource", "month"), ("followup_calls", "cases"))
    due = {data["followup_id"]: data["due_at"] for data in bank.data(SCHEDULED)}
    assert {data["followup_id"]: data["time"].isoformat() for data in bank.data(COMPLETED)} == due


def test_the_whole(bank: Mapped) -> None:
    said, decided = overall("bpic2012"), ends(bank)
    won = [data for data in decided.values() if data["won"]]
    reasons = [data.get("reason") for data in decided.values()]
    found = {
        "cases": len(bank.data(OPENED)), "resources": len(bank.things["people"]), "won": len(won),
        "declined": reasons.count("declined"), "cancelled": reasons.count("cancelled"),
        "won_amount": total(data["amount"] for data in won), "open": len(bank.data(OPENED)) - len(decided),
        "mean_cycle_seconds_won": mean(map(cycle, won), 3),
    }  # fmt: skip
    assert said.items() >= found.items()
