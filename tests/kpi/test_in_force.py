"""What is in force is worked out once, and every change of it is seen by the next look, in whichever database."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from chassis import db
from chassis.db import Connection, Database
from contracts.custom_fields import CustomField
from services.kpi.__main__ import SCHEMA
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers import define
from services.kpi.handlers.in_force import in_force, meaning_of, standing
from services.kpi.store import custom_fields, decided, definitions
from tests.kpi.test_versions_by_date import SALES as MINE

NOW = dt.datetime(2026, 4, 10, 15, 0, tzinfo=dt.UTC)
COUNT = {k: v for k, v in MINE.items() if k != "field"} | {"measure": "count", "unit": "count"}


@pytest.fixture(scope="module")
async def other(new_kpi: Callable[[], Awaitable[str]]) -> AsyncIterator[Database]:
    """A second kpi, without a definition."""
    database = await db.connect(await new_kpi(), SCHEMA)
    yield database
    await database.close()


async def read_anew(conn: Connection) -> Timeline:
    """The same without anything kept."""
    return meaning_of(await decided.read(conn))


def declared(version: int, type: Any) -> CustomField:
    return CustomField(
        name="margin", version=version, type=type, required=False, event_types=[], active=True, decided_at=NOW
    )


async def test_every_change_is_seen_by_the_next_look(clean: Database) -> None:
    async with clean.connection() as conn, AsyncExitStack() as stack:
        transaction = conn.transaction()
        await transaction.start()
        stack.push_async_callback(transaction.rollback)
        before = [await in_force(conn)]
        assert await in_force(conn) is before[0]
        changes = [
            lambda: define.publish(conn, "mine", MINE, NOW, "me"),
            lambda: define.publish(conn, "mine", MINE | {"direction": "down"}, NOW, "me"),
            lambda: define.queue(conn, "mine", COUNT, NOW, "me"),
            lambda: define.withdraw(conn, "mine", 3),
            lambda: define.publish(conn, "mine", COUNT, NOW, "me", dt.date(2026, 3, 1)),
            lambda: custom_fields.save(conn, [declared(1, "text")]),
            lambda: custom_fields.save(conn, [declared(2, "decimal")]),
            lambda: definitions.set_fiscal_month(conn, 4),
            lambda: definitions.set_currency(conn, "EUR"),
        ]
        for change in changes:
            await change()
            found = await in_force(conn)
            assert found == await read_anew(conn)
            assert found not in before[-1:]
            before.append(found)
        assert found.custom == {"margin": "decimal"}
        assert (found.fiscal_month, found.currency) == (4, "EUR")
        assert [p.known.version_of("mine").version for p in found.parts] == [2, 4]
    async with clean.transaction() as conn:
        assert await in_force(conn) == before[0]


async def test_each_database_has_its_own(clean: Database, other: Database) -> None:
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(d.transaction()) for d in (clean, other)]
        for conn, body in ((here, MINE), (there, COUNT)):
            await define.publish(conn, "mine", body, NOW, "me")
        for _ in range(2):
            for conn, measure in ((here, "sum"), (there, "count")):
                found = await in_force(conn)
                assert found == await read_anew(conn)
                assert found.on(NOW.date()).version_of("mine").definition.measure == measure
        await here.execute("delete from definition")
        await there.execute("delete from definition")
        assert await in_force(here) == await in_force(there) == Timeline()


async def test_what_is_decided_between_two_looks_is_kept_as_what_it_is(clean: Database) -> None:
    async def decide() -> None:
        for n in range(60):
            async with clean.transaction() as conn:
                await definitions.set_fiscal_month(conn, 2 + n % 11)

    async def look() -> None:
        while not deciding.done():
            async with clean.transaction() as conn:
                await in_force(conn)

    deciding = asyncio.ensure_future(decide())
    await asyncio.gather(deciding, look(), look())
    async with clean.transaction() as conn:
        for month in range(1, 13):
            await definitions.set_fiscal_month(conn, month)
            assert (await in_force(conn)).fiscal_month == month


async def test_a_look_says_how_far_the_log_is_read(clean: Database) -> None:
    async with clean.transaction() as conn:
        assert (await standing(conn)).as_of is None


async def test_two_that_changed_places_are_not_what_they_were(clean: Database) -> None:
    """The hash of a record is a sum over its columns: two records that swap what they say have the same sum."""
    async with clean.connection() as conn, AsyncExitStack() as stack:
        transaction = conn.transaction()
        await transaction.start()
        stack.push_async_callback(transaction.rollback)
        for key in ("mine", "yours"):
            await define.queue(conn, key, MINE, NOW, "me")
        found = set()
        for _ in range(16):
            for key, status in (("mine", "building"), ("yours", "waiting")):
                await conn.execute("update definition set status = $2 where key = $1", key, status)
            before = (await decided.fingerprint(conn))[0]
            for key, status in (("mine", "waiting"), ("yours", "building")):
                await conn.execute("update definition set status = $2 where key = $1", key, status)
            found.add(before == (await decided.fingerprint(conn))[0])
            await conn.execute("update definition set ticket = ticket + 1 where key in ('mine', 'yours')")
    assert found == {False}


async def test_a_start_that_does_not_tell_the_fiscal_year_leaves_it(clean: Database) -> None:
    """Else leaving a setting out once would change what every fiscal period means."""
    async with clean.transaction() as conn:
        told = [await define.begin(conn, month, "USD") for month in (None, 4, None, 1)]
        assert told == [1, 4, 4, 1]
        assert (await in_force(conn)).fiscal_month == 1
