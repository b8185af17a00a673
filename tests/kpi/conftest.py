"""A kpi database with its migrations and shipped definitions, and events written by hand."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis import db
from chassis.bus import Partition, Record, partition_of
from chassis.db import Database
from contracts import directory, envelope
from contracts.topics import ACCEPTED_FROM_CRM, DIRECTORY_PEOPLE, object_key
from services.kpi.__main__ import MIGRATIONS, SCHEMA, shipped
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.handlers.define import publish_shipped

FACTS = [kind.table for kind in FACT_KINDS.values()]
ZONE = ZoneInfo("America/New_York")
NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def new_kpi(new_database: Any) -> Callable[[], Awaitable[str]]:
    """Makes an empty kpi without a definition, and returns its owner's DSN."""

    async def make() -> str:
        dsn: str = await new_database()
        await db.prepare(dsn, SCHEMA, "secret")
        await asyncio.to_thread(db.migrate, dsn, SCHEMA, MIGRATIONS)
        return dsn

    return make


@pytest.fixture(scope="module")
async def kpi(new_kpi: Callable[[], Awaitable[str]]) -> AsyncIterator[Database]:
    """An empty kpi with the shipped definitions."""
    database = await db.connect(await new_kpi(), SCHEMA)
    async with database.transaction() as conn:
        await publish_shipped(conn, shipped(), NOW)
    yield database
    await database.close()


_offsets = itertools.count()


def record_of(event: dict[str, Any], appended_at: dt.datetime = NOW) -> Record:
    """The event as a record of its topic."""
    topic = ACCEPTED_FROM_CRM[event["type"]]
    key = event["data"][object_key(event["type"])].encode()
    partition = Partition(topic.name, partition_of(key, topic.partitions))
    return Record(partition, next(_offsets), key, json.dumps(event).encode(), (), appended_at)


def event_of(kind: str, id: str, time: str, source: str = "crm", **data: Any) -> dict[str, Any]:
    """A CloudEvent ``crm.KIND.v1``; of an order where the kind is one word."""
    return {
        "specversion": "1.0",
        "type": f"crm.{kind if '.' in kind else 'order.' + kind}.v1",
        "source": source,
        "id": id,
        "time": time,
        "data": data,
    }


def person_record(person_id: str, version: int, *places: tuple[str, str, str, str | None]) -> Record:
    """A person as auth announces them; places are (kind, of, from, to)."""
    memberships = [
        directory.Membership(k, of, dt.date.fromisoformat(since), dt.date.fromisoformat(to) if to else None)  # type: ignore[arg-type]
        for k, of, since, to in places
    ]
    person = directory.Person(person_id, version, memberships=memberships)
    value = envelope.encode(
        type=directory.PERSON, source="/merit/auth", id=f"{person_id}/{version}", time=NOW, data=person
    )
    return Record(Partition(DIRECTORY_PEOPLE.name, 0), next(_offsets), person_id.encode(), value, (), NOW)


@pytest.fixture(scope="session")
def record() -> Callable[..., Record]:
    return record_of


@pytest.fixture(scope="session")
def event() -> Callable[..., dict[str, Any]]:
    return event_of


@pytest.fixture(scope="session")
def person() -> Callable[..., Record]:
    return person_record


@pytest.fixture(scope="session")
def zone() -> ZoneInfo:
    return ZONE


@pytest.fixture
async def clean(kpi: Database) -> Database:
    """The same database without any event, person or announcement."""
    async with kpi.transaction() as conn:
        for table in (
            "seen",
            "repeated_id",
            "conflict",
            "object_history",
            "slice",
            "key_day",
            "key_slice",
            "changed",
            "announced_value",
            "conversion",
            "restating",
            "rate",
            *FACTS,
        ):
            await conn.execute(f"delete from {table}")
        for table in ("event_count", "event_stream", "waiting_event", "door_count"):
            await conn.execute(f"delete from {table}")
        for table in ("person", "span", "target", "custom_field", "outbox", "position"):
            await conn.execute(f"delete from {table}")
        await conn.execute("update calendar set turned_until = null, fiscal_month = 1")
    return kpi


Events = Sequence[dict[str, Any]]
