"""A log to test (each implementation behind the port in turn), topics of one's own, and a reader's database."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import RequestTimedOutError

from chassis import db, kafka_consumer, postgres_bus
from chassis.bus import Bus, Membership, Outgoing, Partition, Record
from chassis.db import Database
from chassis.dead_letters import Handle
from chassis.inbox import Inbox
from chassis.kafka_bus import KafkaBus
from chassis.kafka_consumer import GroupOptions
from chassis.postgres_bus import PostgresBus
from chassis.sieve import OnError
from contracts.topics import Topic
from tests.chassis.reading import keep

LEASE_SECONDS = 1.0
READER = Path(__file__).parent / "reader_migrations"
_numbers = itertools.count(1)


class Log(Protocol):
    """What the behaviour suite asks of an implementation beyond the port.

    ``lease_seconds``: after how long a silent member loses its place. ``heartbeat_seconds``: how long it may take a
    member to learn that another came or went.
    """

    lease_seconds: float
    heartbeat_seconds: float

    async def open(self) -> Bus:
        """Another client of the same log, as another process would be one."""

    async def crash(self, bus: Bus) -> None:
        """The client is gone without a word."""

    async def expire(self, group: str) -> None:
        """All of the group's members were silent for too long."""

    async def close(self) -> None:
        """End every client."""


class PostgresLog:
    """The log embedded in PostgreSQL."""

    lease_seconds = LEASE_SECONDS
    heartbeat_seconds = 0.0

    def __init__(self, admin_dsn: str) -> None:
        self.admin_dsn = admin_dsn
        self.clients: list[PostgresBus] = []

    async def prepare(self) -> None:
        await db.prepare(self.admin_dsn, "log", "secret")
        await asyncio.to_thread(db.migrate, self.admin_dsn, "log", postgres_bus.MIGRATIONS)

    async def open(self) -> PostgresBus:
        self.clients.append(await PostgresBus.open(as_role(self.admin_dsn, "log"), lease_seconds=LEASE_SECONDS))
        return self.clients[-1]

    async def crash(self, bus: Bus) -> None:
        assert isinstance(bus, PostgresBus)
        self.clients.remove(bus)
        bus.database.pool.terminate()

    async def expire(self, group: str) -> None:
        async with db.single(self.admin_dsn, "log") as conn:
            await conn.execute("update member set lease_until = '-infinity' where reader_group = $1", group)

    async def close(self) -> None:
        while self.clients:
            await self.clients.pop().close()


class KafkaLog:
    """The log on Kafka. A throw-away broker allows short sessions; others allow no less than six seconds."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.lease_seconds = 6.0 if "KAFKA_BOOTSTRAP_SERVERS" in os.environ else LEASE_SECONDS
        self.heartbeat_seconds = self.lease_seconds / kafka_consumer.HEARTBEATS_PER_SESSION
        self.clients: list[KafkaBus] = []

    async def open(self) -> KafkaBus:
        self.clients.append(KafkaBus(self.servers, options=GroupOptions(self.lease_seconds)))
        return self.clients[-1]

    async def crash(self, bus: Bus) -> None:
        assert isinstance(bus, KafkaBus)
        self.clients.remove(bus)
        for member in bus._members.values():
            member._consumer._coordinator.generation = -1  # so it will not say that it leaves
            await member._consumer.stop()
        await bus.close()

    async def expire(self, group: str) -> None:
        """Nothing of theirs reaches the coordinator until the group is empty; they wake a little later."""
        woken = asyncio.Event()

        async def silent(_: object) -> None:
            await woken.wait()
            raise RequestTimedOutError

        members = [m for bus in self.clients for (name, _), m in bus._members.items() if name == group]
        coordinators = [member._consumer._coordinator for member in members]
        for coordinator in coordinators:
            coordinator._send_req = silent
        await self._until_empty(group)

        def wake() -> None:
            woken.set()
            for coordinator in coordinators:
                del coordinator._send_req

        asyncio.get_running_loop().call_later(self.lease_seconds * 1.5, wake)

    async def _until_empty(self, group: str) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.servers)
        await admin.start()
        async with asyncio.timeout(self.lease_seconds * 5):
            while (await admin.describe_consumer_groups([group]))[0].groups[0][5]:
                await asyncio.sleep(0.05)
        await admin.close()

    async def close(self) -> None:
        while self.clients:
            await self.clients.pop().close()


def as_role(admin_dsn: str, schema: str) -> str:
    """The DSN of a schema's run-time role, from the owner's."""
    user = f"{db.role_of(schema)}:secret@"
    return "postgresql://" + user + admin_dsn.removeprefix("postgresql://").partition("@")[2]


@pytest.fixture(scope="session", params=["postgres", "kafka"])
async def log(request: pytest.FixtureRequest, new_database: Callable[[], Awaitable[str]]) -> AsyncIterator[Log]:
    """Each implementation of the log in turn: the whole suite is written against the port."""
    implementation: PostgresLog | KafkaLog
    if request.param == "kafka":
        implementation = KafkaLog(request.getfixturevalue("kafka"))
    else:
        implementation = PostgresLog(await new_database())
        await implementation.prepare()
    yield implementation
    await implementation.close()


@pytest.fixture
async def bus(log: Log) -> AsyncIterator[Bus]:
    """One client of the log; whatever else a test opened is closed with it."""
    yield await log.open()
    await log.close()


def a_topic(name: str, partitions: int = 6) -> Topic:
    """An entry as the registry has them."""
    return Topic(name, {}, {}, producer="a", consumers=("b",), partitions=partitions)


Create = Callable[..., Awaitable[Topic]]


@pytest.fixture
def create(bus: Bus) -> Create:
    """Makes a topic that no other test knows."""

    async def make(partitions: int = 6) -> Topic:
        topic = a_topic(f"topic-{next(_numbers)}", partitions)
        await bus.create([topic])
        return topic

    return make


@pytest.fixture
async def topic(create: Create) -> Topic:
    """A topic of six partitions."""
    return await create()


@pytest.fixture
def group() -> str:
    """A group that no other test knows."""
    return f"group-{next(_numbers)}"


async def from_start(_: Sequence[Partition]) -> dict[Partition, int]:
    """A reader that has read nothing yet."""
    return {}


async def drain(member: Membership, count: int, seconds: float = 10.0) -> list[Record]:
    """Poll until ``count`` records have come."""
    found: list[Record] = []
    async with asyncio.timeout(seconds):
        while len(found) < count:
            found += await member.poll(1000, 0.2)
    return found


def numbered(count: int, keys: int = 10) -> list[Outgoing]:
    """Records with values 0, 1, 2… spread over some keys."""
    return [Outgoing(b"key-%d" % (n % keys), b"%d" % n) for n in range(count)]


def values(records: Iterable[Record]) -> list[bytes]:
    return [record.value for record in records]


class Kit:
    """The helpers above, for tests to take as one fixture (test modules do not import each other)."""

    topic = staticmethod(a_topic)
    from_start = staticmethod(from_start)
    drain = staticmethod(drain)
    numbered = staticmethod(numbered)
    values = staticmethod(values)
    as_role = staticmethod(as_role)
    lease_seconds = LEASE_SECONDS


@pytest.fixture
def kit() -> type[Kit]:
    """Small helpers."""
    return Kit


class DrivenClock:
    """A clock that a test moves by hand; ids count up."""

    def __init__(self) -> None:
        self.instant = dt.datetime(2026, 3, 5, 12, tzinfo=dt.UTC)
        self.seconds = 0.0
        self._ids = itertools.count(1)

    def now(self) -> dt.datetime:
        return self.instant

    def monotonic(self) -> float:
        self.seconds += 1.0
        return self.seconds

    def new_id(self) -> str:
        return f"{next(self._ids):032x}"


@pytest.fixture
def clock() -> DrivenClock:
    """Noon of 5 March 2026, UTC; its monotonic seconds pass one at each look."""
    return DrivenClock()


@pytest.fixture(scope="session")
async def reader_dsn(new_database: Callable[[], Awaitable[str]]) -> str:
    """The owner's DSN of a database with a small service's schema, ``reader``."""
    dsn = await new_database()
    await db.prepare(dsn, "reader", "secret")
    await asyncio.to_thread(db.migrate, dsn, "reader", READER)
    return dsn


@pytest.fixture
async def reader(reader_dsn: str) -> AsyncIterator[Database]:
    """The small service's own pool, on empty tables."""
    conn = await asyncpg.connect(reader_dsn, server_settings={"search_path": "reader"})
    await conn.execute("truncate position, dead_letter, outbox, effect")
    await conn.close()
    database = await db.connect(as_role(reader_dsn, "reader"), "reader")
    yield database
    await database.close()


@pytest.fixture
def inbox(bus: Bus, reader: Database, clock: DrivenClock, group: str, topic: Topic) -> Callable[..., Inbox]:
    """Makes an inbox on the test's topic (or on ``on``), which is quick to try again."""

    def make(
        handle: Handle = keep,
        on_error: Mapping[type[Exception], OnError] | None = None,
        bus: Bus = bus,
        on: Topic = topic,
        **more: Any,
    ) -> Inbox:
        quick = {"retry_seconds_min": 0.01, "retry_seconds_max": 0.05}
        return Inbox(bus, reader, clock, group, [on.name], handle, on_error or {}, **quick, **more)

    return make
