"""Dated rates: which one a day has, which days a new one changes, and decisions that are versioned and announced."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chassis.db import Database
from services.kpi.domain.rates import Rate, changed_by
from services.kpi.handlers import set_rates
from services.kpi.store import rates

NOW = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
DAYS = st.dates(dt.date(2020, 1, 1), dt.date(2030, 1, 1))


def rate(day: str, value: str, currency: str = "EUR") -> Rate:
    return Rate(currency, dt.date.fromisoformat(day), Decimal(value))


async def test_a_rate_holds_from_its_day_until_the_next_and_none_before_the_first(clean: Database) -> None:
    async with clean.transaction() as conn:
        await set_rates.set_rates(conn, [rate("2026-02-01", "1.2"), rate("2026-01-01", "1.15")], "USD", NOW, "f")
        await set_rates.set_rates(conn, [rate("2026-01-01", "1.1")], "USD", NOW, "f")  # the newest word
        asked = ["2025-12-31", "2026-01-01", "2026-01-31", "2026-02-01", "2027-01-01"]
        places = [("EUR", dt.date.fromisoformat(day)) for day in asked]
        found = await rates.on(conn, [*places, ("GBP", dt.date(2026, 1, 1))])
    assert [found[place] for place in places] == [None, Decimal("1.1"), Decimal("1.1"), Decimal("1.2"), Decimal("1.2")]
    assert found["GBP", dt.date(2026, 1, 1)] is None


@given(st.dictionaries(DAYS, st.decimals(1, 100, places=4), min_size=1, max_size=8), st.data())
def test_what_new_rates_change_are_the_days_that_they_hold_on(table: dict[dt.date, Decimal], data: Any) -> None:
    after = [Rate("EUR", day, value) for day, value in table.items()]
    news = data.draw(st.lists(st.sampled_from(after), unique=True))
    day = data.draw(DAYS)
    holds = max((r for r in after if r.valid_from <= day), key=lambda r: r.valid_from, default=None)
    covered = [c for c in changed_by(news, after) if c.since <= day < c.until]
    assert len(covered) == (holds in news)


async def test_a_decision_is_a_version_and_the_whole_table_is_announced(clean: Database) -> None:
    async with clean.transaction() as conn:
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
