"""A set that is made beside sets of which the planner has statistics: it says that the new one is empty."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from services.kpi.__main__ import SCHEMA
from services.kpi.domain.definitions import Aggregate
from services.kpi.domain.key_sets import filled
from services.kpi.domain.measures import KeySet, Measure
from services.kpi.domain.sql import Params

KEYS = 20_000


def key_set(field: str) -> KeySet:
    return KeySet(Measure("order", "day", None, Aggregate("count_distinct", field)))


@pytest.fixture
async def beside(new_kpi: Callable[[], Awaitable[str]]) -> Any:
    """The owner's connection to a kpi with two sets of as many keys, of which only the first was there for ANALYZE."""
    conn = await asyncpg.connect(await new_kpi(), server_settings={"search_path": SCHEMA})
    for name in ("order_id", "customer_id"):
        await conn.execute(
            "insert into key_day (set_id, key, day, kind, subject, facts) select $1::text, 'k' || n,"
            " date '2026-01-01' + n % 300, 'company', 'company', 1 from generate_series(1, $2::int) n",
            key_set(name).id,
            KEYS,
        )
        if name == "order_id":
            await conn.execute("analyze key_day")
    yield conn
    await conn.close()


async def test_its_counts_are_made_without_a_join(beside: asyncpg.Connection[Any]) -> None:
    """Joined to itself as if it were empty, the set would be looped over for each of its rows."""
    params = Params()
    query = filled(key_set("customer_id"), ((1, None),), 0, params)
    plan = [line for (line,) in await beside.fetch(f"explain {query}", *params)]
    assert [line for line in plan if "Join" in line.replace("Join Filter", "")] == []


async def test_its_counts_are_right(beside: asyncpg.Connection[Any]) -> None:
    made, params = key_set("customer_id"), Params()
    await beside.execute(filled(made, ((1, None),), 0, params), *params)
    counted = await beside.fetchrow("select sum(days), sum(years) from key_slice where set_id = $1", made.id)
    assert tuple(counted or ()) == (Decimal(KEYS), Decimal(KEYS))
