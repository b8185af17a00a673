"""Maven's pipeline: opportunities opened, won and lost, of reps with a manager and an office."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from operator import itemgetter

import pytest
import pytest_asyncio

from tests.merit.mappings.sets import (
    Mapped,
    Thing,
    expected,
    grouped,
    mapped,
    mean,
    month,
    overall,
    quarter,
    ratio,
    reference,
    total,
)  # fmt: skip

OPENED, WON, LOST = (f"crm.opportunity.{what}.v1" for what in ("opened", "won", "lost"))
COLUMNS = ("won_count", "lost_count", "won_value", "win_rate", "mean_cycle_days_won", "mean_cycle_days_closed",
           "distinct_accounts_won", "mean_won_value")  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def maven() -> Mapped:
    return await mapped("maven_crm")


def closed(maven: Mapped) -> list[Thing]:
    return [data | {"won": type_ == WON} for type_ in (WON, LOST) for data in maven.data(type_)]


def days(data: Thing) -> int:
    """From the day of the engagement to that of the end."""
    opened, ended = (dt.date.fromisoformat(data[name]) for name in ("opened_at", "business_date"))
    return (ended - opened).days


def figures(found: list[Thing]) -> list[Decimal]:
    won = [data for data in found if data["won"]]
    values = [data["amount"] for data in won]
    return [
        Decimal(len(won)),
        Decimal(len(found) - len(won)),
        total(values),
        ratio(len(won), len(found)),
        mean(map(days, won)),
        mean(map(days, found)),
        Decimal(len({data["customer_id"] for data in won})),
        mean(values),
    ]


FILES = {
    "rep_month": (("sales_agent", "month"), (itemgetter("rep_id"), month)),
    "rep_quarter": (("sales_agent", "quarter"), (itemgetter("rep_id"), quarter)),
    "rep_total": (("sales_agent",), (itemgetter("rep_id"),)),
    "region_quarter": (("regional_office", "quarter"), (itemgetter("territory"), quarter)),
    "product_total": (("product_norm",), (itemgetter("product"),)),
}


@pytest.mark.parametrize("file", FILES)
def test_every_figure_of_the_reference(maven: Mapped, file: str) -> None:
    columns, keys = FILES[file]
    found = {key: figures(things) for key, things in grouped(closed(maven), *keys).items()}
    assert found == expected("maven_crm", file, columns, COLUMNS)


def test_the_figures_of_managers(maven: Mapped) -> None:
    managers = {m["person_id"]: m["of"] for m in maven.things["memberships"] if m["kind"] == "manager"}
    keys = (lambda data: managers[data["rep_id"]], quarter)
    found = {key: figures(things) for key, things in grouped(closed(maven), *keys).items()}
    assert found == expected("maven_crm", "manager_quarter", ("manager", "quarter"), COLUMNS)


def test_the_figures_of_accounts(maven: Mapped) -> None:
    accounts = grouped(maven.data(WON), itemgetter("customer_id"))
    found = {key: [Decimal(len(won)), total(data["amount"] for data in won)] for key, won in accounts.items()}
    assert found == expected("maven_crm", "account_total", ("account",), ("won_count", "won_value"))


def test_the_whole(maven: Mapped) -> None:
    said = overall("maven_crm")
    engaged = said["opportunities"] - said["prospecting"]  # the others have no day, and are not sent
    assert maven.counts() == {
        "people": said["reps_in_team_file"] + 6, "teams": 3, "memberships": 3 * said["reps_in_team_file"],
        OPENED: engaged, WON: said["won"], LOST: said["lost"],
    }  # fmt: skip
    assert engaged - said["won"] - said["lost"] == said["engaging"]
    assert figures(closed(maven))[2:6] == [
        said[name] for name in ("won_value", "win_rate", "mean_cycle_days_won", "mean_cycle_days_closed")
    ]


def test_reps_office_and_manager_are_those_of_the_file(maven: Mapped) -> None:
    held = {(m["kind"], m["person_id"]): m["of"] for m in maven.things["memberships"]}
    for row in reference("maven_crm", "rep_quarter"):
        assert held["manager", row["sales_agent"]] == row["manager"]
        assert held["team", row["sales_agent"]] == held["territory", row["sales_agent"]] == row["regional_office"]
