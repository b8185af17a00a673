"""ingest on a real PostgreSQL and the real embedded log, with a clock that the test drives and tokens of its own."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis import postgres_bus
from chassis.bus import At, LogUnavailable, Outgoing, Positions, Record
from chassis.db import Database, connect, migrate, prepare, role_of, single
from chassis.postgres_bus import PostgresBus
from chassis.tokens import AUDIENCE, Verifier
from contracts.topics import CRM_SALES, TOPICS
from services.ingest.__main__ import MIGRATIONS, SCHEMA, build
from services.ingest.app import Deps, create_app
from services.ingest.settings import IngestSettings
from tests.ingest.desk import Desk

ISSUER = "https://merit.test"
PASSWORD = "a-test-password"
NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
ZONE = "America/New_York"
EMPTIED = ("seen", "quarantine", "door_count", "required_fields", "custom_field", "outbox")
EVERYTHING = (
    "events.send:all quarantine.read:all quarantine.write:all event_types.read:all event_types.write:all"
    " operations.read:all audit.read:all"
)


@dataclass
class DrivenClock:
    """Time moves when the test says so."""

    at: dt.datetime = NOW
    ids: int = 0

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def new_id(self) -> str:
        self.ids += 1
        return f"{int(self.at.timestamp()):012x}{self.ids:020x}"


@dataclass
class FailingBus:
    """The embedded log, with switches: ``down`` fails before the append, ``fails_after`` when it is done.

    ``meanwhile_before`` and ``meanwhile_after`` are what another request does just before or after the next append.
    """

    inner: PostgresBus
    down: bool = False
    fails_after: bool = False
    appended: list[Outgoing] = field(default_factory=list)
    meanwhile_before: Callable[[], Awaitable[Any]] | None = None
    meanwhile_after: Callable[[], Awaitable[Any]] | None = None

    async def append(self, topic: str, records: Sequence[Outgoing]) -> list[At]:
        if self.down:
            raise LogUnavailable("the log does not answer")
        before, after = self.meanwhile_before, self.meanwhile_after
        self.meanwhile_before = self.meanwhile_after = None
        if before:
            await before()
        places = await self.inner.append(topic, records)
        self.appended += records
        if after:
            await after()
        if self.fails_after:
            raise LogUnavailable("the log does not answer any more")
        return places

    async def create(self, topics: Any) -> None:
        await self.inner.create(topics)

    async def ends(self, topic: str) -> Positions:
        return await self.inner.ends(topic)

    async def read(self, start: At, records_max: int) -> list[Record]:
        return await self.inner.read(start, records_max)

    async def lag(self, group: str, topic: str) -> Any:
        return await self.inner.lag(group, topic)

    def join(self, group: str, topics: Sequence[str], locate: Any) -> Any:
        return self.inner.join(group, topics, locate)


@dataclass
class Door:
    """ingest as a client sees it, and what stands behind it."""

    deps: Deps
    app: FastAPI
    bus: FailingBus
    clock: DrivenClock
    database: Database
    dsn: str
    key: ECKey

    def token(self, scope: str = EVERYTHING, **claims: Any) -> str:
        now = int(self.clock.now().timestamp())
        body = {"iss": ISSUER, "aud": AUDIENCE, "sub": "tester", "iat": now, "exp": now + 300, "jti": "1"}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": "1"}, body | {"scope": scope} | claims, self.key)

    def client(self, scope: str = EVERYTHING, *, app: FastAPI | None = None, **claims: Any) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app or self.app),
            base_url="http://ingest",
            headers={"Authorization": f"Bearer {self.token(scope, **claims)}"},
        )

    async def post(self, content: bytes, kind: str = "application/cloudevents+json", **headers: str) -> httpx.Response:
        async with self.client() as client:
            return await client.post("/v1/events", content=content, headers={"content-type": kind} | headers)

    async def send(self, *events: Mapping[str, Any], **headers: str) -> httpx.Response:
        """A batch."""
        return await self.post(json.dumps(events).encode(), "application/cloudevents-batch+json", **headers)

    async def outcomes(self, *events: Mapping[str, Any]) -> list[str]:
        answer = await self.send(*events)
        assert answer.status_code == 202, answer.text
        return [result["outcome"] for result in answer.json()["results"]]

    async def get(self, path: str, scope: str = EVERYTHING, **claims: Any) -> httpx.Response:
        async with self.client(scope, **claims) as client:
            return await client.get(path)

    async def entries(self, query: str = "") -> list[dict[str, Any]]:
        """Entries of the quarantine with their events, newest first."""
        listed = await self.get(f"/v1/quarantine?limit=200&{query}")
        assert listed.status_code == 200, listed.text
        return [(await self.get(f"/v1/quarantine/{i['quarantine_id']}")).json() for i in listed.json()["items"]]

    async def on_the_log(self) -> list[bytes]:
        """The values of everything on crm-sales."""
        values = []
        for partition in await self.bus.ends(CRM_SALES.name):
            values += [record.value for record in await self.bus.read(At(partition, 0), 10_000)]
        return values


def as_role(dsn: str, schema: str) -> str:
    """The owner's DSN as the run-time role's."""
    parts = urlsplit(dsn)
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role_of(schema)}:{PASSWORD}@{place}"))


@pytest.fixture(scope="session")
async def dsn(new_database: Any) -> str:
    """The owner's DSN of a database with ingest's schema and the log's."""
    owner: str = await new_database()
    for schema, scripts in ((SCHEMA, MIGRATIONS), (postgres_bus.SCHEMA, postgres_bus.MIGRATIONS)):
        await prepare(owner, schema, PASSWORD)
        await asyncio.to_thread(migrate, owner, schema, scripts)
    return owner


@pytest.fixture(scope="session")
async def log(dsn: str) -> AsyncIterator[PostgresBus]:
    opened = await PostgresBus.open(as_role(dsn, postgres_bus.SCHEMA))
    await opened.create(topic for topic in TOPICS if topic.producer == "ingest")
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
def key() -> ECKey:
    return ECKey.generate_key("P-256", {"kid": "1", "use": "sig", "alg": "ES256"})


@pytest.fixture(scope="session")
async def opened(dsn: str, log: PostgresBus) -> AsyncIterator[Database]:
    """The database as the run-time role."""
    role_dsn = as_role(dsn, SCHEMA)
    settings = IngestSettings(database_url=role_dsn, bus_url="unused", issuer=ISSUER, zone=ZONE)
    clock = DrivenClock()
    service = await build(settings, bus=log, clock=clock, verifier=Verifier(ISSUER, _no_keys, clock))
    database = await connect(role_dsn, SCHEMA)
    yield database
    await database.close()
    assert service.close is not None
    await service.close()


async def _no_keys() -> Mapping[str, Any]:
    return {"keys": []}


@pytest.fixture
async def door(dsn: str, opened: Database, log: PostgresBus, key: ECKey) -> Door:
    """ingest with empty tables (the log keeps what it has)."""

    async def keys() -> Mapping[str, Any]:
        return {"keys": [key.as_dict(private=False)]}

    async with single(dsn, SCHEMA) as owner:
        await owner.execute("alter table quarantine_edit disable trigger user")
        for table in (*EMPTIED, "quarantine_edit"):
            await owner.execute(f"delete from {table}")
        await owner.execute("alter table quarantine_edit enable trigger user")
    clock, bus = DrivenClock(), FailingBus(log)
    deps = Deps(opened, bus, clock, Verifier(ISSUER, keys, clock), ZoneInfo(ZONE))
    return Door(deps, create_app(deps), bus, clock, opened, as_role(dsn, SCHEMA), key)


@pytest.fixture
def desk(door: Door) -> Desk:
    """An operator's place at the quarantine."""
    return Desk(door)


_numbers = iter(range(1, 1_000_000))


def placed_of(order_id: str | None = None, **changed: Any) -> dict[str, Any]:
    """A sound order event with a fresh id; keywords change its data, ``event`` the event itself."""
    number = next(_numbers)
    data = {
        "order_id": order_id or f"O{number}",
        "amount": "100.50",
        "currency": "USD",
        "credits": [{"rep_id": "7", "share": "0.25"}, {"rep_id": "8", "share": "0.75"}],
        "customer_id": "C1",
    }
    event = {
        "specversion": "1.0",
        "id": f"e{number}",
        "source": "crm",
        "type": "crm.order.placed.v1",
        "time": "2026-03-01T09:00:00+01:00",
        "data": data | {name: value for name, value in changed.items() if name != "event"},
    }
    return event | changed.get("event", {})


@pytest.fixture(scope="session")
def placed() -> Callable[..., dict[str, Any]]:
    return placed_of
