"""Dated rates: which one a day has, exact conversion, and decisions that are versioned and announced."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.db import Database
from services.kpi.domain.rates import Rate, Rates
from services.kpi.handlers import set_rates

NOW = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1))


def rate(day: str, value: str, currency: str = "EUR") -> Rate:
    return Rate(currency, dt.date.fromisoformat(day), Decimal(value))


def test_a_rate_holds_from_its_day_until_the_next_and_none_before_the_first() -> None:
    rates = Rates("USD", [rate("2026-02-01", "1.2"), rate("2026-01-01", "1.1")])
    asked = ["2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", "2027-01-01"]
    found = [rates.on("EUR", dt.date.fromisoformat(day)) for day in asked]
    assert found == [None, Decimal("1.1"), Decimal("1.1"), Decimal("1.2"), Decimal("1.2")]
    assert rates.on("GBP", dt.date(2026, 1, 1)) is None


def test_the_reporting_currency_is_worth_itself() -> None:
    assert Rates("USD").convert(Decimal("10.50"), "USD", dt.date(1970, 1, 1)) == Decimal("10.50")


def test_a_conversion_is_exact_with_all_the_digits_that_there_can_be() -> None:
    amount, value = Decimal("99999999999999999999.9999999999"), "9999999999.9999999999"
    converted = Rates("USD", [rate("2026-01-01", value)]).convert(amount, "EUR", dt.date(2026, 1, 1))
    assert converted is not None
    units = 99999999999999999999_9999999999 * 9999999999_9999999999
    assert Fraction(converted) == Fraction(units, 10**20)


@given(st.dictionaries(DAYS, st.decimals(1, 100, places=4), max_size=8), DAYS)
def test_the_rate_of_a_day_is_that_of_the_latest_day_before(table: dict[dt.date, Decimal], day: dt.date) -> None:
    rates = Rates("USD", [Rate("EUR", d, v) for d, v in table.items()])
    before = [d for d in table if d <= day]
    assert rates.on("EUR", day) == (table[max(before)] if before else None)


async def test_a_decision_is_a_version_and_the_whole_table_is_announced(clean: Database) -> None:
    async with clean.transaction() as conn:
        await conn.execute("delete from rate")
        first = await set_rates.set_rates(conn, [rate("2026-01-01", "1.1"), rate("2026-02-01", "1.2")], "USD", NOW, "f")
        again = await set_rates.set_rates(conn, [rate("2026-01-01", "1.1"), rate("2026-02-01", "1.3")], "USD", NOW, "g")
        rows = await conn.fetch("select value from outbox where topic = 'fx-rates' order by id")
        listed = await set_rates.listed(conn, "EUR", ("", dt.date.min), 10)
        kept = await conn.fetchval("select count(*) from rate")
    assert (first, again) == (["set", "set"], ["unchanged", "set"])
    tables: list[dict[str, Any]] = [json.loads(r["value"])["data"] for r in rows]
    assert [t["version"] for t in tables] == [1, 2]
    assert [r["rate"] for r in tables[-1]["rates"]] == ["1.1", "1.3"]
    assert [(r.value, version, by) for r, version, _, by in listed] == [
        (Decimal("1.1"), 1, "f"),
        (Decimal("1.3"), 2, "g"),
    ]
    assert kept == 3
