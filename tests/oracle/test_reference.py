"""The oracle alone, on the AdventureWorks files, gives the published reference figures: this validates the oracle."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction

import pytest

from tests.oracle import adventureworks, history, incentives, kpis, numbers, periods
from tests.oracle.adventureworks import REFERENCE, Company
from tests.oracle.directory import Directory
from tests.oracle.history import Book
from tests.oracle.kpis import Facts

AllFacts = dict[tuple[str, str], Facts]


@pytest.fixture(scope="module")
def company() -> Company:
    return adventureworks.company()


@pytest.fixture(scope="module")
def book(company: Company) -> Book:
    return history.read(company.events, company.zone)


@pytest.fixture(scope="module")
def facts(company: Company, book: Book) -> AllFacts:
    return kpis.collect(book, Directory(company.memberships))


def month(text: str) -> periods.Window:
    """2011-07"""
    return periods.containing("month", dt.date.fromisoformat(f"{text}-01"))


def quarter(text: str) -> periods.Window:
    """2011Q3"""
    return periods.containing("quarter", dt.date(int(text[:4]), 3 * int(text[5:]), 1))


@pytest.mark.parametrize(
    ("file", "period", "kind", "id_column", "cells"),
    [("rep_month", month, "rep", "SalesPersonID", 241), ("rep_quarter", quarter, "rep", "SalesPersonID", 108)],
)
def test_rep_sales(facts: AllFacts, file: str, period: object, kind: str, id_column: str, cells: int) -> None:
    rows = adventureworks.rows(REFERENCE / f"{file}.csv")
    assert len(rows) == cells
    for row in rows:
        window = period(row[file.split("_")[1]])  # type: ignore[operator]
        found = facts[kind, row[id_column]]
        assert found.order_count(window) == int(row["orders"])
        assert found.customer_count(window) == int(row["customers"])
        assert Decimal(numbers.plain(found.sales_amount(window))) == Decimal(row["subtotal"])


def test_territory_month(company: Company, book: Book) -> None:
    facts = kpis.collect(book, Directory(company.memberships), credited_only=True)
    rows = adventureworks.rows(REFERENCE / "territory_month.csv")
    assert len(rows) == 150
    for row in rows:
        window, found = month(row["month"]), facts["territory", row["TerritoryID"]]
        figures = found.order_count(window), found.customer_count(window), found.sales_amount(window)
        assert figures == (int(row["orders"]), int(row["customers"]), Fraction(row["subtotal"]))


def test_rep_growth_month(facts: AllFacts) -> None:
    rows = adventureworks.rows(REFERENCE / "rep_growth_month.csv")
    assert len(rows) == 272
    for row in rows:
        growth = kpis.value("sales_growth", facts["rep", row["SalesPersonID"]], month(row["month"]), "month")
        assert (growth or "") == row["growth"]


def test_manager_rollup_quarter(facts: AllFacts) -> None:
    rows = adventureworks.rows(REFERENCE / "manager_rollup_quarter.csv")
    assert len(rows) == 23
    for row in rows:
        window, found = quarter(row["quarter"]), facts["manager", row["ManagerID"]]
        assert found.order_count(window) == int(row["orders"])
        assert found.sales_amount(window) == Fraction(row["subtotal_rollup"])


def test_rep_quota_window(company: Company, book: Book, facts: AllFacts) -> None:
    rows = adventureworks.rows(REFERENCE / "rep_quota_window.csv")
    assert len(rows) == len(company.targets) == 95
    parameters = incentives.Parameters(company.parameters)
    lines = incentives.lines(book, company.targets, parameters, adventureworks.COMPONENTS)
    nets = incentives.nets(lines)
    for row in rows:
        payee = row["SalesPersonID"]
        window = dt.date.fromisoformat(row["window_start"]), dt.date.fromisoformat(row["window_end_excl"])
        sales, quota = facts["rep", payee].sales_amount(window), Fraction(row["quota"])
        assert numbers.ratio(sales / quota) == row["attainment"]
        assert str(sales >= quota) == row["met"]

        def net(plan: str, component: str, payee: str = payee, window: periods.Window = window) -> str:
            return numbers.cents(nets.get((payee, plan, component, window), Fraction(0)))

        assert net("standard", "bonus") == numbers.cents(Fraction(row["bonus"]))
        assert net("standard", "commission") == row["commission_cents"]
        assert net("accelerator", "accelerated") == row["accel_commission_cents"]


def test_overall(book: Book, facts: AllFacts) -> None:
    told = {row["metric"]: row["value"] for row in adventureworks.rows(REFERENCE / "overall.csv")}
    always = dt.date.min, dt.date.max
    credited = [order for order in book.orders if order.credits]
    reps = {credit.rep for order in credited for credit in order.credits}
    customers = [order.customer for order in credited]
    assert facts["company", "company"].order_count(always) == int(told["orders_all"])
    assert numbers.plain(facts["company", "company"].sales_amount(always)) == told["subtotal_all"]
    assert numbers.plain(sum((o.amount for o in credited), Fraction(0))) == told["subtotal_rep"]
    assert (len(credited), len(reps)) == (int(told["orders_rep"]), int(told["reps"]))
    assert len(set(customers)) == int(told["store_customers"])
    assert numbers.ratio(Fraction(len(credited), len(set(customers)))) == told["orders_per_customer_rep"]
    assert sum(customers.count(c) > 1 for c in set(customers)) == int(told["repeat_customers_rep"])
