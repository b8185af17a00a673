"""Money of other currencies: valued on its day, exact, restated with its rate, listed while there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.bus import Record
from chassis.db import Connection, Database
from chassis.settings import SettingsInvalid
from services.kpi.domain.exchange import converted, places
from services.kpi.domain.rates import Rate
from services.kpi.domain.sight import Sight
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.define import begin
from services.kpi.handlers.exchange import restate
from services.kpi.handlers.read_quality import read_quality
from services.kpi.handlers.set_rates import set_rates
from services.kpi.store import definitions
from tests.kpi.test_objects import said, stands
from tests.kpi.test_verify import failed, kept_read

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
CREDITS = [{"rep_id": "ann", "share": "0.3"}, {"rep_id": "bob", "share": "0.7"}]
IN_EUROS: dict[str, Any] = {"currency": "EUR", "credits": CREDITS}
LINE = {"product": "bike", "quantity": "2", "amount": "10", "cost": "4.5", "discount": "1"}
PAID: dict[str, Any] = {"payment_id": "p", "currency": "EUR"}

ORDER = said("order.placed", "2026-01-05", amount="100", lines=[LINE], **IN_EUROS)
STORIES: dict[str, tuple[list[dict[str, Any]], dict[str, set[str]]]] = {
    "an order and its refund at the order's day": (
        [ORDER, said("order.refunded", "2026-02-20", amount="40")],
        {"order": {"2026-01-05"}, "order_line": {"2026-01-05"}},
    ),
    "an order at the day that it was moved to": (
        [ORDER, said("order.amended", "2026-01-09", business_date="2026-01-02", amount="100", **IN_EUROS)],
        {"order": {"2026-01-02"}},
    ),
    "a credit note at its own day": (
        [said("credit_note.issued", "2026-02-20", amount="7", **IN_EUROS)],
        {"order": {"2026-02-20"}},
    ),
    "a payment at its own day, and what goes back of it too": (
        [
            said("order.placed", "2026-01-05", amount="100", currency="USD", credits=CREDITS),
            said("payment.received", "2026-01-20", amount="100", **PAID),
            said("payment.reversed", "2026-02-20", amount="60", **PAID),
        ],
        {"order": set(), "payment": {"2026-01-20"}},
    ),
    "what goes back of a payment that nobody told of at its own day": (
        [
            said("order.placed", "2026-01-05", amount="100", currency="USD", credits=[]),
            said("payment.reversed", "2026-02-20", amount="60", **PAID),
        ],
        {"payment": {"2026-02-20"}},
    ),
    "an open opportunity at the day that it was opened": (
        [said("opportunity.opened", "2026-01-05", rep_id="ann", amount="9", currency="EUR")],
        {"opportunity": {"2026-01-05"}},
    ),
    "one that is won at the day that it was won": (
        [
            said("opportunity.opened", "2026-01-05", rep_id="ann", amount="9", currency="EUR"),
            said("opportunity.won", "2026-02-20", rep_id="ann"),
        ],
        {"opportunity": {"2026-02-20"}},
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_each_kind_is_valued_on_its_day(story: str) -> None:
    events, expected = STORIES[story]
    facts = stands(*events).facts
    for over, days in expected.items():
        of_it = [f for f in facts if f.kind == over]
        assert of_it
        assert {str(day) for _, day in places(facts, "USD") if _needed(of_it, facts, day)} == days
    assert places(facts, "EUR") == frozenset([("USD", dt.date(2026, 1, 5))] if "USD" in str(events) else [])


def _needed(some: list[Any], facts: list[Any], day: dt.date) -> bool:
    """Whether the money of some of an object's facts is unknown without the rate of that day."""
    rates = {place: Decimal(2) for place in places(facts, "USD") if place[1] != day}
    without = {(f.kind, f.entry, f.line): f for f in converted(facts, "USD", rates)}
    return any(without[f.kind, f.entry, f.line].amount is None for f in some)


def test_all_money_and_nothing_else_is_converted_exactly() -> None:
    facts = stands(ORDER).facts
    made = converted(facts, "USD", {("EUR", dt.date(2026, 1, 5)): Decimal("1.0834000001")})
    (ann,) = [f for f in made if f.kind == "order_line" and f.rep_id == "ann"]
    assert (ann.amount, ann.cost, ann.discount, ann.margin, ann.quantity, ann.currency) == (
        Decimal("3.2502000003"),
        Decimal("1.462590000135"),
        Decimal("0.32502000003"),
        Decimal("1.787610000165"),
        Decimal("0.6"),
        "EUR",
    )
    assert sum(f.amount for f in made if f.kind == "order") == Decimal("108.34000001")


def test_all_the_digits_that_there_can_be_stay() -> None:
    amount, rate = "99999999999999999999.9999999999", Decimal("9999999999.9999999999")
    placed = said("order.placed", "2026-01-05", amount=amount, currency="EUR", credits=[])
    (fact,) = converted(stands(placed).facts, "USD", {("EUR", dt.date(2026, 1, 5)): rate})
    assert Fraction(fact.amount) == Fraction(99999999999999999999_9999999999 * 9999999999_9999999999, 10**20)  # type: ignore[attr-defined]


async def no_rate(conn: Connection) -> list[tuple[str, str, str]]:
    listed = await read_quality(conn, "no_rate", Sight(), "", 50)
    return [(i["object_id"], i["currency"], str(i["day"])) for i in listed]


async def test_without_a_rate_it_counts_and_its_money_is_listed_until_there_is_one(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record]
) -> None:
    events = [ORDER, said("order.refunded", "2026-02-20", amount="40")]
    records = [record(e) for e in events]
    async with clean.transaction() as conn:
        await apply_events(conn, records, zone)
        await kept_read(conn, records)
        assert await conn.fetchval("select count(*) from order_fact") == 4
        assert await conn.fetchval("select count(amount) from order_fact") == 0
        assert await no_rate(conn) == [("x", "EUR", "2026-01-05")]
        assert await failed(conn, records, zone) == {}
        await set_rates(conn, [Rate("EUR", dt.date(2026, 1, 1), Decimal("1.1"))], "USD", NOW, "f")
        assert await failed(conn, records, zone) == {}  # half way, each fact says at which rate it is
        assert await no_rate(conn) == [("x", "EUR", "2026-01-05")]
        while await restate(conn):
            pass
        assert await no_rate(conn) == []
        assert await conn.fetchval("select sum(amount) from order_fact") == Decimal("66")
        assert await failed(conn, records, zone) == {}
        await conn.execute("update conversion set rate = 1.2")
        assert list(await failed(conn, records, zone)) == [
            "facts equal the accepted events of the log",
            "conversions are at the rates in force",
        ]


async def test_a_corrected_rate_moves_what_it_touches_and_marks_it_as_recomputed(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record]
) -> None:
    later = said("order.placed", "2026-02-05", amount="100", **IN_EUROS)
    dollars = said("order.placed", "2026-01-05", amount="1", currency="USD", credits=[])
    events = [ORDER, later | {"data": later["data"] | {"order_id": "y"}}]
    events.append(dollars | {"data": dollars["data"] | {"order_id": "z"}})
    async with clean.transaction() as conn:
        days = [Rate("EUR", dt.date(2026, 1, 1), Decimal("1.1")), Rate("EUR", dt.date(2026, 2, 1), Decimal("1.2"))]
        await set_rates(conn, days, "USD", NOW, "f")
        await apply_events(conn, [record(e) for e in events], zone)
        await conn.execute("delete from changed")
        await set_rates(conn, [Rate("EUR", dt.date(2026, 1, 1), Decimal("1.3"))], "USD", NOW, "f")
        while await restate(conn):
            pass
        found = await conn.fetch("select object_id, sum(amount) as money from order_fact group by 1 order by 1")
        assert [tuple(r) for r in found] == [("x", Decimal(130)), ("y", Decimal(120)), ("z", Decimal(1))]
        marks = await conn.fetch("select distinct day, reason from changed where family like 'order%'")
        assert [(str(r["day"]), r["reason"]) for r in marks] == [("2026-01-05", 4)]


async def test_what_is_converted_depends_on_the_currency_that_the_company_reports_in(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record]
) -> None:
    dollars = said("order.placed", "2026-01-05", amount="50", currency="USD", credits=[])
    async with clean.transaction() as conn:
        await begin(conn, 1, "EUR")
        await set_rates(conn, [Rate("USD", dt.date(2026, 1, 1), Decimal("0.9"))], "EUR", NOW, "f")
        other = dollars | {"data": dollars["data"] | {"order_id": "y"}}
        await apply_events(conn, [record(ORDER), record(other)], zone)
        found = await conn.fetch("select object_id, sum(amount) as money from order_fact group by 1 order by 1")
        assert [tuple(r) for r in found] == [("x", Decimal(100)), ("y", Decimal(45))]
        with pytest.raises(SettingsInvalid):
            await begin(conn, 1, "USD")
        await definitions.set_currency(conn, "USD")
