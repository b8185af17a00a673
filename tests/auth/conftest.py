"""auth on a real PostgreSQL, with its own migrations and run-time role, and a clock that the test drives."""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
import pytest

from chassis.app import Service
from chassis.bus import At, Outgoing, Partition
from chassis.db import Database, connect, migrate, prepare, role_of
from chassis.outbox import Relay
from chassis.tokens import Verifier
from services.auth import __main__ as auth_root
from services.auth.settings import AuthSettings

ISSUER = "https://merit.test"
PASSWORD = "auth-of-a-test"  # the one that all of Merit uses when it runs on a test server


@dataclass
class DrivenClock:
    """Time moves when the test says so."""

    at: dt.datetime = dt.datetime(2014, 6, 1, 12, 0, tzinfo=dt.UTC)
    ids: int = 0

    def now(self) -> dt.datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def new_id(self) -> str:
        self.ids += 1
        return f"{self.ids:048x}"

    def pass_seconds(self, seconds: float) -> None:
        self.at += dt.timedelta(seconds=seconds)


@dataclass
class Notebook:
    """The part of the log's port that a relay uses: it notes what was appended."""

    records: list[tuple[str, Outgoing]] = field(default_factory=list)

    async def append(self, topic: str, records: Sequence[Outgoing]) -> list[At]:
        self.records += [(topic, record) for record in records]
        return [At(Partition(topic, 0), i) for i in range(len(records))]


@dataclass
class Running:
    """auth as it runs, and how to ask it."""

    settings: AuthSettings
    clock: DrivenClock
    service: Service
    notebook: Notebook
    http: httpx.AsyncClient
    database: Database

    async def token(self, **who: Any) -> str:
        return await auth_root.issue(self.settings, self.clock, **who)

    async def ask(self, method: str, path: str, token: str | None = None, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return await self.http.request(method, path, headers=headers, **more)

    async def announced(self) -> list[tuple[str, Outgoing]]:
        """What the relay carries now."""
        self.notebook.records.clear()
        await Relay(self.notebook, self.database).carry()  # type: ignore[arg-type]
        return list(self.notebook.records)


def as_role(dsn: str, role: str) -> str:
    """The same database, as another role."""
    parts = urlsplit(dsn)
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{role}:{PASSWORD}@{host}"))


@pytest.fixture
def driven_clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture(scope="session")
async def auth_settings(new_database: Callable[[], Awaitable[str]]) -> AuthSettings:
    dsn = await new_database()
    await prepare(dsn, "auth", PASSWORD)
    await asyncio.to_thread(migrate, dsn, "auth", auth_root.MIGRATIONS)
    return AuthSettings(
        database_url=as_role(dsn, role_of("auth")),
        admin_database_url=dsn,
        bus_url=dsn,
        issuer=ISSUER,
        connections_max=4,
    )


@pytest.fixture
async def auth(auth_settings: AuthSettings) -> AsyncIterator[Running]:
    """A running auth with empty tables."""
    owner = await connect(str(auth_settings.admin_database_url), "auth", 1)
    async with owner.transaction() as conn:
        await conn.execute("truncate person, team, membership, client, signing_key, outbox")
    await owner.close()
    clock, notebook = DrivenClock(), Notebook()
    verifier = Verifier(ISSUER, lambda: auth_root.fetch_keys(auth_settings, clock), clock)
    service = await auth_root.build(auth_settings, bus=notebook, clock=clock, verifier=verifier)  # type: ignore[arg-type]
    database = await connect(auth_settings.database_url, "auth", 2)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url=ISSUER) as http:
        yield Running(auth_settings, clock, service, notebook, http, database)
    await database.close()
    assert service.close is not None
    await service.close()


@pytest.fixture
async def admin(auth: Running) -> str:
    """An admin's token."""
    return await auth.token(role="admin")


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header of HTTP Basic."""
    return {"authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}
