"""The published figures, read through the gateway, to the last digit: every cell, and no cell more."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.journeys.driver import Driver, day, eventually, window_of
from tests.oracle import periods
from tests.oracle.adventureworks import REFERENCE, rows
from tests.oracle.figures import Cell, different
from tests.oracle.periods import Window

MONTHS = dt.date(2011, 5, 1), dt.date(2013, 6, 1)
QUARTERS = dt.date(2011, 4, 1), dt.date(2013, 7, 1)
ALL_TIME = dt.date(2011, 1, 1), dt.date(2014, 1, 1)
CREDITED = [{"field": "credited", "operator": "eq", "value": True}]
CREDITED_KPIS = {
    "credited_orders": {"kind": "simple", "measure": "count", "unit": "count"},
    "credited_customers": {
        "kind": "simple",
        "measure": "count_distinct",
        "field": "customer_id",
        "unit": "count",
    },
    "credited_sales": {"kind": "simple", "measure": "sum", "field": "amount", "unit": "money"},
    "credited_orders_per_customer": {
        "kind": "ratio",
        "numerator": {"measure": "count"},
        "denominator": {"measure": "count_distinct", "field": "customer_id"},
        "unit": "score",
    },
}
"""The reference counts rep orders only: definitions that leave out what no rep is credited with."""
BONUSES = {
    ("280", "2011-05-31"): "5000.00",
    ("280", "2011-12-01"): "5000.00",
    ("280", "2012-02-29"): "5000.00",
    ("280", "2012-05-30"): "5000.00",
    ("283", "2011-12-01"): "3500.00",
    ("283", "2012-11-30"): "3500.00",
}


def month(text: str) -> Window:
    """2011-07"""
    return periods.containing("month", day(f"{text}-01"))


def quarter(text: str) -> Window:
    """2011Q3"""
    return periods.containing("quarter", dt.date(int(text[:4]), 3 * int(text[5:]), 1))


def column(file: str, subject: str, period: str, window: Callable[[str], Window], name: str) -> dict[Cell, Decimal]:
    """One column of a reference file, by subject and window."""
    return {(r[subject], window(r[period])): Decimal(r[name]) for r in rows(REFERENCE / f"{file}.csv")}


def counted(cells: dict[Cell, str | None]) -> dict[Cell, Decimal]:
    """The cells that are not zero, exactly."""
    return {cell: Decimal(value) for cell, value in cells.items() if value not in (None, "0")}


@pytest.fixture(scope="module")
async def credited(merit: Driver) -> Driver:
    """Merit with the definitions that count credited orders only."""
    for key, body in CREDITED_KPIS.items():
        await merit.define(key, {"key": key, "over": "order", "where": CREDITED} | body)
    return merit


@pytest.mark.parametrize(
    ("kpi", "name"), [("order_count", "orders"), ("customer_count", "customers"), ("sales_amount", "subtotal")]
)
@pytest.mark.parametrize(
    ("file", "grain", "window", "span"),
    [("rep_month", "month", month, MONTHS), ("rep_quarter", "quarter", quarter, QUARTERS)],
)
async def test_reps(
    merit: Driver, file: str, grain: str, window: Callable[[str], Window], span: Window, kpi: str, name: str
) -> None:
    answered = await merit.values(kpi, "rep", span, grain)
    assert different(column(file, "SalesPersonID", grain, window, name), counted(answered)) == []


@pytest.mark.parametrize(
    ("kpi", "name"),
    [("credited_orders", "orders"), ("credited_customers", "customers"), ("credited_sales", "subtotal")],
)
async def test_territories_count_credited_orders_by_definition(credited: Driver, kpi: str, name: str) -> None:
    answered = await credited.values(kpi, "territory", MONTHS, "month")
    assert different(column("territory_month", "TerritoryID", "month", month, name), counted(answered)) == []


async def test_growth_of_reps(merit: Driver) -> None:
    answered = await merit.values("sales_growth", "rep", MONTHS, "month")
    expected = {
        (r["SalesPersonID"], month(r["month"])): r["growth"] or None for r in rows(REFERENCE / "rep_growth_month.csv")
    }
    assert different(expected, {cell: answered[cell] for cell in expected}) == []


@pytest.mark.parametrize(("kpi", "name"), [("order_count", "orders"), ("sales_amount", "subtotal_rollup")])
async def test_managers(merit: Driver, kpi: str, name: str) -> None:
    expected = column("manager_rollup_quarter", "ManagerID", "quarter", quarter, name)
    answered = counted(await merit.values(kpi, "manager", QUARTERS, "quarter"))
    managers = {manager for manager, _ in expected}
    assert different(expected, {cell: value for cell, value in answered.items() if cell[0] in managers}) == []


async def test_attainment_of_quotas(merit: Driver) -> None:
    expected = {
        (r["SalesPersonID"], r["window_start"], r["window_end_excl"]): (r["attainment"], r["met"] == "True")
        for r in rows(REFERENCE / "rep_quota_window.csv")
    }

    async def differences() -> list[str]:
        items = await merit.items("/v1/targets/attainment")
        return different(expected, {(i["subject"], i["from"], i["to"]): (i["attainment"], i["met"]) for i in items})

    await eventually(differences)


@pytest.mark.parametrize(
    ("plan", "component", "name"),
    [
        ("standard", "commission", "commission_cents"),
        ("standard", "bonus", "bonus"),
        ("accelerator", "accelerated", "accel_commission_cents"),
    ],
)
async def test_pay_per_quota_window(merit: Driver, plan: str, component: str, name: str) -> None:
    expected = {
        (r["SalesPersonID"], (day(r["window_start"]), day(r["window_end_excl"]))): Decimal(r[name])
        for r in rows(REFERENCE / "rep_quota_window.csv")
        if Decimal(r[name])
    }

    async def differences() -> list[str]:
        nets = await merit.earnings(plan=plan, component=component)
        return different(expected, {(payee, window): Decimal(net) for (payee, _, _, window), net in nets.items()})

    await eventually(differences)


async def test_lines_add_up_to_the_earnings(merit: Driver) -> None:
    sums: dict[tuple[str, str, str, Window], Decimal] = {}
    for line in await merit.items("/v1/earnings/lines"):
        key = (line["payee_id"], line["plan"], line["component"], window_of(line))
        sums[key] = sums.get(key, Decimal(0)) + Decimal(line["amount"])
    expected = {key: str(amount) for key, amount in sums.items() if amount}
    assert different(expected, await merit.earnings()) == []
    assert len(expected) > 95


async def test_the_six_bonuses_and_their_traces(merit: Driver) -> None:
    auditor = await merit.as_role("auditor")
    lines = [
        i for i in await merit.items("/v1/earnings/lines", plan="standard", component="bonus") if i["amount"] != "0.00"
    ]
    assert {(i["payee_id"], i["window_from"]): i["amount"] for i in lines} == BONUSES
    for line in lines:
        answer = await auditor.get(f"/v1/earnings/lines/{line['line_id']}/trace")
        assert answer.status_code == 200, answer.text
        trace = answer.json()
        assert (trace["replayed"], trace["equal"]) == (line["amount"], True)


async def test_every_trace_of_a_window_replays(merit: Driver) -> None:
    auditor = await merit.as_role("auditor")
    lines = await merit.items("/v1/earnings/lines", payee="280", window_from="2011-05-31", window_to="2011-08-31")
    assert {(i["plan"], i["component"]) for i in lines} >= {("standard", "commission"), ("accelerator", "accelerated")}
    traces = await asyncio.gather(*(auditor.get(f"/v1/earnings/lines/{line['line_id']}/trace") for line in lines))
    replayed = [(trace.json()["replayed"], trace.json()["equal"]) for trace in traces]
    assert replayed == [(line["amount"], True) for line in lines]


async def test_overall(credited: Driver) -> None:
    told = {r["metric"]: r["value"] for r in rows(REFERENCE / "overall.csv")}

    async def company(kpi: str) -> str | None:
        ((_, value),) = (await credited.values(kpi, "company", ALL_TIME, None)).items()
        return value

    assert await company("order_count") == told["orders_all"]
    assert await company("sales_amount") == told["subtotal_all"]
    assert await company("credited_orders") == told["orders_rep"]
    assert int(told["orders_all"]) - int(await company("credited_orders") or 0) == int(told["orders_online"])
    assert await company("credited_sales") == told["subtotal_rep"]
    assert await company("credited_customers") == told["store_customers"]
    assert await company("credited_orders_per_customer") == told["orders_per_customer_rep"]
    assert len(counted(await credited.values("order_count", "rep", ALL_TIME, None))) == int(told["reps"])


async def test_the_ledger_nets_to_zero(merit: Driver) -> None:
    assert await merit.ledger_nets() == {"USD": 0}
