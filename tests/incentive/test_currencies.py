"""Pay for sales in several currencies: unlike ones never meet, and what is converted says by which rate."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from services.incentive.domain.conversion import changed
from services.incentive.domain.facts import Account
from services.incentive.domain.settlement import lines
from services.incentive.domain.windows import ALWAYS, LAST_DAY, Days
from tests.incentive.desk import YEAR, Desk
from tests.incentive.running import Shop

FLAT = {"rate": "0.1"}
IN_DOLLARS = FLAT | {"currency": "USD"}
LEFT_OUT = IN_DOLLARS | {"other_currencies": "leave_out"}
ATTAINED = {
    "kpi": "sales_amount",
    "without_target": "zero",
    "bounds": "lower_inclusive",
    "tiers": [
        {"from": "0", "to": "1", "mode": "marginal", "rate": "0.1"},
        {"from": "1", "mode": "marginal", "rate": "0.2"},
    ],
}


def earned(desk: Desk, component: dict[str, Any], kind: str = "commission") -> list[tuple[str, int]]:
    """Lines of 100 dollars, 100 euros at 1.2 and 100 dinars without a rate, reporting in dollars."""
    credits = [
        desk.credit(100, "2026-03-01"),
        desk.credit(100, "2026-03-02", currency="EUR", rate=Fraction("1.2")),
        desk.credit(100, "2026-03-03", currency="KWD"),
    ]
    account: Account = replace(desk.account, currency="USD")
    found = lines(account, [desk.plan(desk.component(kind=kind, **component))], credits, ALWAYS)
    return [(line.currency, line.amount_minor) for line in found]


def test_without_a_currency_each_earns_in_its_own(desk: Desk) -> None:
    assert earned(desk, FLAT) == [("EUR", 1000), ("KWD", 10000), ("USD", 1000)]


def test_in_the_reporting_currency_others_are_converted_and_what_has_no_rate_waits(desk: Desk) -> None:
    assert earned(desk, IN_DOLLARS) == [("USD", 1000), ("USD", 1200)]


def test_a_plan_can_leave_the_others_out(desk: Desk) -> None:
    assert earned(desk, LEFT_OUT) == [("USD", 1000)]


def test_in_another_currency_only_that_one_counts(desk: Desk) -> None:
    assert earned(desk, FLAT | {"currency": "EUR"}) == [("EUR", 1000)]


def test_attainment_is_measured_in_the_currency_of_the_target(desk: Desk) -> None:
    desk.target(150, YEAR, currency="USD")
    assert earned(desk, ATTAINED, "attainment_commission") == [("USD", 1000), ("USD", 500 + 1400)]
    desk.target(1000, YEAR, currency="EUR")  # a target of their own: those sales are measured on it, once
    assert earned(desk, ATTAINED, "attainment_commission") == [("EUR", 1000), ("USD", 1000)]


def test_what_others_are_is_only_said_beside_a_currency(desk: Desk) -> None:
    with pytest.raises(Exception, match="cannot work") as refused:
        desk.plan(desk.component(**FLAT, other_currencies="leave_out"))
    assert [f.pointer for f in refused.value.faults] == ["/components/0/other_currencies"]  # type: ignore[attr-defined]


def test_the_days_that_a_new_table_revalues() -> None:
    day, one = dt.date(2026, 1, 1), Decimal(1)
    before = {day: one, day.replace(month=3): Decimal(2)}
    assert changed(before, before) is None
    assert changed({}, before) == Days(day, LAST_DAY)
    assert changed(before, before | {day: Decimal("1.00")}) is None
    assert changed(before, before | {day.replace(month=2): Decimal(5)}) == Days(
        day.replace(month=2), day.replace(month=3)
    )


async def test_rates_come_late_and_are_corrected(open_shop: Shop) -> None:
    """What euros earn waits for a rate, follows its corrections, and a refund is valued as its order."""
    shop = open_shop
    words = {"kind": "commission", "basis": "amount", "anchor": "booked", "reversal": "re_rate", "round": "cumulative"}
    component = {"key": "c", "window": {"calendar": "quarter"}, **words, **IN_DOLLARS}
    document = {"valid_from": "2026-01-01", "assigned_to": {"everyone": True}, "components": [component]}
    await shop.plan("abroad", document)
    asked = {"plan": "abroad"}
    key = "ann abroad/c 2026-01-01"
    await shop.hear(
        shop.order("1", "2026-02-03", "100", "ann"), shop.order("2", "2026-02-03", "200", "ann", currency="EUR")
    )
    assert (await shop.earned(**asked))[key] == "10.00"
    await shop.rates("EUR", ("2026-01-01", "1.1"), ("2026-03-01", "2"))
    assert (await shop.earned(**asked))[key] == "32.00"
    await shop.hear(shop.event("refunded", "2", "2026-03-20", amount="100"))
    assert (await shop.earned(**asked))[key] == "21.00"
    await shop.rates("EUR", ("2026-01-01", "1.234"), ("2026-03-01", "2"))
    assert (await shop.earned(**asked))[key] == "22.34"
    (line,) = [x for x in await shop.lines(**asked) if x["credit"]["order_id"] == "2"]
    derivation = (await shop.ask("GET", f"/v1/earnings/lines/{line['line_id']}/trace"))["derivation"]
    assert derivation["given"]["credit"]["told"] == {"currency": "EUR", "amount": "100", "rate": "1.234"}
    await shop.verify()
