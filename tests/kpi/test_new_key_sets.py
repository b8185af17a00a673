"""A set that is made beside sets of which the planner has statistics: it says that the new one is empty, or small."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from services.kpi.__main__ import SCHEMA
from services.kpi.domain.definitions import Aggregate
from services.kpi.domain.key_sets import filled
from services.kpi.domain.meaning import KeptKeys
from services.kpi.domain.measures import KeySet, Measure
from services.kpi.domain.sql import Params
from services.kpi.store import keys
from services.kpi.store.making import FIRST

KEYS = 20_000
OF_ALL, OF_REPS = "('company', 'company')", ", ".join(f"('rep', 'r{n}')" for n in range(10))
DAYS = (
    "insert into key_day (set_id, key, day, kind, subject, facts)"
    " select $1::text, 'k' || n, date '2026-01-01' + n % 300, s.kind, s.subject, 1"
    " from generate_series($2::int, $3::int) n cross join (values {}) s(kind, subject)"
)


def key_set(field: str) -> KeySet:
    return KeySet(Measure("order", "day", None, Aggregate("count_distinct", field)))


@pytest.fixture(scope="module")
async def beside(new_kpi: Callable[[], Awaitable[str]]) -> Any:
    """The owner's connection to a kpi with two sets of as many keys, of which only the first was there for ANALYZE."""
    conn = await asyncpg.connect(await new_kpi(), server_settings={"search_path": SCHEMA})
    for name in ("order_id", "customer_id"):
        await conn.execute(DAYS.format(OF_ALL), key_set(name).id, 1, KEYS)
        if name == "order_id":
            await conn.execute("analyze key_day")
    yield conn
    await conn.close()


async def did(conn: asyncpg.Connection[Any], table: str, what: str) -> int:
    """What PostgreSQL did with a table, and has not told its statistics yet."""
    found: int = await conn.fetchval(f"select {what} from pg_stat_xact_user_tables where relname = $1", table)
    return found


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


async def test_the_end_of_a_chunk_is_found_without_reading_what_comes_after_it(
    beside: asyncpg.Connection[Any],
) -> None:
    """Sorted as if there were few, all days that are left of the set would be read for each chunk."""
    young = key_set("territory")
    await beside.execute(DAYS.format(OF_ALL), young.id, 1, 500)
    await beside.execute("analyze key_day")
    await beside.execute(DAYS.format(OF_ALL), young.id, 501, KEYS)
    async with beside.transaction():
        before = await did(beside, "key_day", "seq_tup_read + idx_tup_fetch")
        assert await keys.next_places(beside, young, FIRST, 2_000)
        assert await did(beside, "key_day", "seq_tup_read + idx_tup_fetch") - before <= 2_002


async def test_each_count_is_written_once(beside: asyncpg.Connection[Any]) -> None:
    """Key by key, each chunk would have some of every rep's every day."""
    of_reps = KeptKeys(key_set("rep_id"), ((1, None),))
    await beside.execute(DAYS.format(OF_REPS), of_reps.key_set.id, 1, 30)
    async with beside.transaction():
        inserted, updated = [await did(beside, "key_slice", name) for name in ("n_tup_ins", "n_tup_upd")]
        since = FIRST
        while until := await keys.next_places(beside, of_reps.key_set, since, 30):
            await keys.count(beside, of_reps, 0, (since, until))
            since = until
        await keys.count(beside, of_reps, 0, (since, None))
        assert await did(beside, "key_slice", "n_tup_ins") - inserted == 300
        assert await did(beside, "key_slice", "n_tup_upd") - updated == 0
