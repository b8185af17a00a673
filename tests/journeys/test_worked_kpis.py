"""KPIs whose numbers other people printed, as events in and values out, through the public API."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver

BATCH_EVENTS = 500


def event(kind: str, id: str, on: str, territory: str, **data: Any) -> dict[str, Any]:
    """An event at noon of a day, for a territory that stands for one example."""
    envelope = {"specversion": "1.0", "id": id, "source": "/crm", "type": f"crm.{kind}.v1", "time": f"{on}T12:00:00Z"}
    return envelope | {"data": data | {"territory": territory}}


def order(id: str, on: str, territory: str, amount: str, **data: Any) -> dict[str, Any]:
    return event("order.placed", id, on, territory, order_id=id, amount=amount, currency="USD", credits=[], **data)


def k1() -> list[dict[str, Any]]:
    """42, 32, 10, 9 and 14 answers of 5, 4, 3, 2 and 1."""
    scores = [
        score for score, answers in zip((5, 4, 3, 2, 1), (42, 32, 10, 9, 14), strict=True) for _ in range(answers)
    ]
    return [
        event("survey.answered", f"k1-{n}", "2024-05-06", "K1", survey_id=f"k1-{n}", score=score, credits=[])
        for n, score in enumerate(scores)
    ]


def k2() -> list[dict[str, Any]]:
    """Deals that took 45, 54 and 39 days, won in May; one that was lost in June."""
    events = []
    for days in (45, 54, 39):
        opened = dt.date(2024, 5, 20) - dt.timedelta(days=days)
        deal: dict[str, Any] = {"opportunity_id": f"k2-{days}", "rep_id": "nobody", "territory": "K2"}
        events.append(event("opportunity.opened", f"k2-{days}-opened", opened.isoformat(), **deal))
        events.append(event("opportunity.won", f"k2-{days}-won", "2024-05-20", **deal))
    lost = {"opportunity_id": "k2-lost", "rep_id": "nobody", "territory": "K2"}
    opened_too = event("opportunity.opened", "k2-o", "2024-06-01", **lost)
    return [*events, opened_too, event("opportunity.lost", "k2-l", "2024-06-02", **lost)]


def k3() -> list[dict[str, Any]]:
    """1,200 orders of 400 customers in May, 600 of 240 in June, and one without a customer."""
    may = [order(f"k3-a{n}", "2024-05-06", "K3", "1", customer_id=f"c{n % 400}") for n in range(1200)]
    june = [order(f"k3-b{n}", "2024-06-06", "K3", "1", customer_id=f"c{n % 240}") for n in range(600)]
    return [*may, *june, order("k3-c", "2024-06-06", "K3", "1")]


def k4() -> list[dict[str, Any]]:
    """100, then 120; nothing for a month, then 7; less than nothing (-50), then 50."""
    note = event(
        "credit_note.issued", "k4-e", "2024-05-31", "K4", credit_note_id="e", amount="50", currency="USD", credits=[]
    )
    amounts = [("k4-a", "2024-01-31", "100"), ("k4-b", "2024-02-01", "120"), ("k4-d", "2024-04-30", "7")]
    return [*(order(id, on, "K4", amount) for id, on, amount in amounts), note, order("k4-f", "2024-06-01", "K4", "50")]


def k5() -> list[dict[str, Any]]:
    days = [("2020-01-01", "1000"), ("2020-02-01", "4000"), ("2020-03-01", "3000"), ("2020-04-02", "4000")]
    return [order(f"k5-{on}", on, "K5", amount) for on, amount in days]


def k7() -> list[dict[str, Any]]:
    """10 and 20, the second twice with its id and source."""
    second = order("k7-b", "2024-05-06", "K7", "20")
    return [order("k7-a", "2024-05-06", "K7", "10"), second, second]


@pytest.fixture(scope="module")
async def told(open_merit: OpenMerit) -> AsyncIterator[Driver]:
    events = [*k1(), *k2(), *k3(), *k4(), *k5(), *k7()]
    async with open_merit() as driver:
        for start in range(0, len(events), BATCH_EVENTS):
            await driver.send(*events[start : start + BATCH_EVENTS])
        await driver.caught_up()
        yield driver


async def value(driver: Driver, kpi: str, territory: str, **window: Any) -> dict[str, Any]:
    """The one value of a territory over a window."""
    items = await driver.items(f"/v1/kpis/{kpi}/values", subject_kind="territory", subject=territory, **window)
    assert len(items) == 1
    return items[0]


async def test_k1_customer_satisfaction_is_the_two_best_of_five(told: Driver) -> None:
    found = await value(told, "customer_satisfaction", "K1", period="2024-05")
    assert (found["numerator"], found["denominator"], found["value"]) == ("74", "107", "0.691589")
    assert (await value(told, "mean_score", "K1", period="2024-05"))["value"] == "3.738318"  # 400 / 107


async def test_k2_the_sales_cycle_is_a_mean_of_days_and_nothing_when_none_was_won(told: Driver) -> None:
    assert (await value(told, "sales_cycle", "K2", period="2024-05"))["value"] == "46.000000"
    none_won = await value(told, "sales_cycle", "K2", period="2024-06")
    assert (none_won["value"], none_won["null_reason"]) == (None, "no facts")
    assert (await value(told, "win_rate", "K2", period="2024-Q2"))["value"] == "0.750000"


async def test_k3_orders_per_customer(told: Driver) -> None:
    assert (await value(told, "orders_per_customer", "K3", period="2024-05"))["value"] == "3.000000"
    june = await value(told, "orders_per_customer", "K3", period="2024-06")
    assert (june["numerator"], june["denominator"], june["value"]) == ("600", "240", "2.500000")
    quarter = await value(told, "orders_per_customer", "K3", period="2024-Q2")
    assert (quarter["numerator"], quarter["denominator"]) == ("1800", "400")
    free = {"from": "2024-05-06", "to": "2024-06-07"}  # of no calendar period: from facts, with the same meaning
    assert (await value(told, "customer_count", "K3", **free))["value"] == "400"
    assert (await value(told, "new_customers", "K3", period="2024-06"))["value"] == "0"
    assert (await value(told, "repeat_customer_rate", "K3", period="2024-06"))["value"] == "1.000000"


async def test_k4_growth(told: Driver) -> None:
    months = await told.items(
        "/v1/kpis/sales_growth/values", subject_kind="territory", subject="K4", period="2024", grain="month"
    )
    found = {item["period"]: item["value"] or item["null_reason"] for item in months}
    zero = "the period before is zero"
    assert [found[f"2024-0{m}"] for m in range(1, 7)] == [zero, "0.200000", "-1.000000", zero, "-8.142857", "2.000000"]


@pytest.mark.parametrize(
    ("as_of", "expected"), [("2020-03-31", "7000"), ("2020-04-01", "3000"), ("2020-04-02", "7000")]
)
async def test_k5_trailing_months_clamp(told: Driver, as_of: str, expected: str) -> None:
    assert (await value(told, "sales_amount", "K5", trailing_months=2, as_of=as_of))["value"] == expected


async def test_k7_a_resend_changes_nothing(told: Driver) -> None:
    assert (await value(told, "sales_amount", "K7", period="2024-05"))["value"] == "30"


async def test_a_period_ends_at_its_as_of_day(told: Driver) -> None:
    quarter = {"period": "2020-Q1", "as_of": "2020-02-29"}
    assert (await value(told, "sales_amount", "K5", **quarter))["value"] == "5000"
    assert (await value(told, "sales_amount", "K5", to_date="quarter", as_of="2020-02-29"))["value"] == "5000"
    assert (await value(told, "sales_amount", "K5", period="FY2020"))["value"] == "12000"
