"""A process that makes a version is killed in the middle, more than once; the next one goes on where it stood."""

from __future__ import annotations

import asyncio
import datetime as dt
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager

import pytest

from chassis import db
from chassis.db import Connection, Database
from services.kpi.__main__ import SCHEMA, shipped
from services.kpi.handlers.define import publish_shipped
from services.kpi.handlers.in_force import in_force
from services.kpi.store import making
from tests.kpi.kept import different

NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
FACTS = 12_000
BACKFILL = """
import asyncio, sys
from chassis import db
from chassis.clock import SystemClock
from services.kpi.handlers.backfill import Backfiller

async def main():
    await Backfiller(await db.connect(sys.argv[1], "kpi"), SystemClock()).run(asyncio.Event())

asyncio.run(main())
"""


@pytest.fixture
async def orders(new_kpi: Callable[[], Awaitable[str]]) -> AsyncIterator[tuple[str, Database]]:
    """A kpi with many orders, that has none of its definitions yet."""
    dsn = await new_kpi()
    database = await db.connect(dsn, SCHEMA)
    async with database.transaction() as conn:
        await conn.execute(
            "insert into order_fact (object_id, entry, line, partition, rep_id, customer_id, attributes, entry_kind,"
            " amount, gross_amount, currency, day, order_day) select 'o' || i, 'order', 0, i % 6, 'r' || i % 7,"
            " 'c' || i % 900, '{}', 'order', i, i, 'USD', d, d from generate_series(1, $1::int) i"
            " cross join lateral (select date '2026-01-01' + i % 60 as d) t",
            FACTS,
        )
        await publish_shipped(conn, shipped(), NOW)
    yield dsn, database
    await database.close()


@contextmanager
def backfilling(dsn: str) -> Iterator[None]:
    """A process that makes what waits, until it is killed with no warning."""
    process = subprocess.Popen([sys.executable, "-c", BACKFILL, dsn])
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def until(database: Database, reached: Callable[[Connection], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while True:
            async with database.connection() as conn:
                if await reached(conn):
                    return
            await asyncio.sleep(0.02)


async def test_what_is_made_is_right_however_often_its_maker_is_killed(orders: tuple[str, Database]) -> None:
    dsn, database = orders

    def made(facts: int) -> Callable[[Connection], Awaitable[bool]]:
        async def reached(conn: Connection) -> bool:
            return any(p.facts_done >= facts for p in await making.progress(conn))

        return reached

    async def counted(conn: Connection) -> bool:
        return any(place != making.FIRST for place in (await making.counted(conn)).values())

    async def settled(conn: Connection) -> bool:
        return not (await in_force(conn)).queue

    for reached in (made(1), made(FACTS // 2), counted):
        with backfilling(dsn):
            await until(database, reached)
        async with database.transaction() as conn:
            assert await different(conn) == []
            assert (await in_force(conn)).queue, "killed in the middle"
    with backfilling(dsn):
        await until(database, settled)
    async with database.transaction() as conn:
        assert await different(conn) == []
        assert len((await in_force(conn)).versions) == len(shipped())
