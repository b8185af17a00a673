"""What tests of reading share: a handler whose effects can be counted, and readers at work."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

from chassis.inbox import positions


class Poison(Exception):
    """A record that no retry will make good."""


class Busy(Exception):
    """Something that passes."""


async def keep(conn, records):
    """The handler of these tests: one row per record, so that a second effect shows."""
    await conn.executemany("insert into effect (value) values ($1)", [(r.value,) for r in records])


async def effects(database):
    async with database.transaction() as conn:
        return [row["value"] for row in await conn.fetch("select value from effect order by id")]


@asynccontextmanager
async def running(*inboxes):
    """The inboxes at work; at the end they stop in good order."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(inbox.run(stop)) for inbox in inboxes]
    yield
    stop.set()
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)


async def until_read(database, bus, topic, seconds=15.0):
    """Wait until the reader's positions are at the log's ends."""
    ends = {p: end for p, end in (await bus.ends(topic.name)).items() if end}
    async with asyncio.timeout(seconds):
        while True:
            async with database.transaction() as conn:
                known = await positions(conn)
            if known == ends:
                return
            await asyncio.sleep(0.02)
