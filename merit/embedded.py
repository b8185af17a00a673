"""All of Merit in one process: the database, the log, the four services with their loops, and the gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import httpx
from starlette.types import ASGIApp

import services
from chassis import db, postgres_bus, telemetry
from chassis.app import Loop, Service
from chassis.bus import Bus
from chassis.clock import Clock, SystemClock
from chassis.span_file import SpanFile
from chassis.telemetry_export import exporting
from chassis.telemetry_outlet import Outlet, Sampling
from chassis.tokens import Verifier
from contracts.topics import TOPICS
from gateway import __main__ as gateway
from merit import embedded_postgres
from merit.home import Home, Installation, MeritError
from services.auth import __main__ as auth
from services.auth.settings import AuthSettings
from services.incentive import __main__ as incentive
from services.incentive.settings import IncentiveSettings
from services.ingest import __main__ as ingest
from services.ingest.settings import IngestSettings
from services.kpi import __main__ as kpi
from services.kpi.settings import KpiSettings

log = logging.getLogger(__name__)

SERVICES = ("auth", "ingest", "kpi", "incentive")
DRAIN_SECONDS_MAX = 20.0
CLIENT_SECONDS_MAX = 60.0
BATCH_RECORDS_MAX = 2_000
"""Of kpi's worker, which has the process for itself in a cluster: here others wait while it computes."""
TRACES_PER_SECOND_MAX = 100
"""How many requests of a second `merit traces` can show; errors and money are kept whatever the load."""
FOLDER = Path(next(iter(services.__path__)))


@dataclass(frozen=True)
class Schemas:
    """The owner's DSN of one database, and the passwords of the schemas' own roles in it."""

    admin_dsn: str
    passwords: Mapping[str, str]

    def dsn(self, schema: str) -> str:
        """The DSN of a schema's run-time role."""
        parts = urlsplit(self.admin_dsn)
        place = parts.netloc.rpartition("@")[2]
        word = quote(self.passwords[schema], safe="")
        return urlunsplit(parts._replace(netloc=f"{db.role_of(schema)}:{word}@{place}"))


@dataclass(frozen=True)
class Running:
    """Merit as it runs: the gateway's ASGI application, and doors for tests and for the command line."""

    gateway: ASGIApp
    services: Mapping[str, Service]
    bus: Bus
    schemas: Schemas
    installation: Installation
    clock: Clock
    auth_settings: AuthSettings
    failed: asyncio.Event
    """Set when a background loop ended by itself (a bug), or the database cannot be started again: Merit stops then
    rather than stalls in silence."""

    async def token(self, *, role: str | None = None, person: str | None = None, source: str | None = None) -> str:
        """A fresh access token for a role, for a person, or for a person in one of the roles."""
        return await auth.issue(self.auth_settings, self.clock, person_id=person, role=role, source=source)

    def client(
        self, *, role: str | None = None, person: str | None = None, source: str | None = None
    ) -> httpx.AsyncClient:
        """A client of the gateway, in process; each request carries a fresh token. Without role and person: none."""

        async def authorise(request: httpx.Request) -> None:
            if role or person:
                token = await self.token(role=role, person=person, source=source)
                request.headers["Authorization"] = f"Bearer {token}"

        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.gateway, raise_app_exceptions=False),
            base_url="http://merit",
            event_hooks={"request": [authorise]},
            timeout=CLIENT_SECONDS_MAX,
        )

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[db.Connection]:
        """A connection to a service's schema as the database's owner: for verifying and for tests."""
        async with db.single(self.schemas.admin_dsn, service) as conn:
            yield conn


@asynccontextmanager
async def running(
    home: Path | None = None,
    *,
    zone: str | None = None,
    currency: str | None = None,
    admin_dsn: str | None = None,
    issuer: str = "http://merit",
    clock: Clock | None = None,
) -> AsyncIterator[Running]:
    """Merit while the context is open, then a clean stop. ``home`` is the folder of the data; with ``admin_dsn``
    (the owner's DSN of an empty or an earlier database) that server is used instead, and nothing is locked.

    Raises MeritError when the home is in use, cannot be written, or was made with another zone or currency.
    """
    failed = asyncio.Event()
    async with AsyncExitStack() as stack:
        if admin_dsn is not None:
            schemas = Schemas(admin_dsn, {name: f"{name}-of-a-test" for name in (*SERVICES, postgres_bus.SCHEMA)})
            chosen = Installation(zone or "UTC", currency or "USD")
        elif home is not None:
            place = Home.at(home)
            stack.enter_context(place.lock())
            chosen = place.installation(zone, currency)
            server = await stack.enter_async_context(embedded_postgres.started(place, lost=failed.set))
            schemas = schemas_of(place, server)
            store = SpanFile(place.traces)
            await stack.enter_async_context(exporting("merit", Outlet(store.write, Sampling(1, TRACES_PER_SECOND_MAX))))
        else:
            raise MeritError("Merit needs a home folder.")
        await prepare(schemas)
        yield await _assemble(stack, schemas, chosen, clock or SystemClock(), issuer, failed)


def schemas_of(home: Home, server: embedded_postgres.Postgres) -> Schemas:
    """The database of a home, with the passwords that lie there (made at first use)."""
    names = (*SERVICES, postgres_bus.SCHEMA)
    return Schemas(server.dsn(), {name: home.secret(f"postgres-{name}") for name in names})


def auth_settings(schemas: Schemas, chosen: Installation, issuer: str) -> AuthSettings:
    """What auth is told; also for issuing a token from another process on the same machine."""
    return AuthSettings(**_settings(schemas, "auth", chosen, issuer))


def _settings(schemas: Schemas, name: str, chosen: Installation, issuer: str) -> dict[str, Any]:
    return {
        "database_url": schemas.dsn(name),
        "bus_url": schemas.dsn(postgres_bus.SCHEMA),
        "issuer": issuer,
        "zone": chosen.zone,
        "currency": chosen.currency,
    }


async def prepare(schemas: Schemas) -> None:
    """Make every schema with its role and its tables, or bring them up to date."""
    folders = {name: FOLDER / name / "migrations" for name in SERVICES}
    for schema, folder in ({postgres_bus.SCHEMA: postgres_bus.MIGRATIONS} | folders).items():
        await db.prepare(schemas.admin_dsn, schema, schemas.passwords[schema])
        await asyncio.to_thread(db.migrate, schemas.admin_dsn, schema, folder)


async def _assemble(
    stack: AsyncExitStack, schemas: Schemas, chosen: Installation, clock: Clock, issuer: str, failed: asyncio.Event
) -> Running:
    bus = await postgres_bus.PostgresBus.open(schemas.dsn(postgres_bus.SCHEMA), alone=True)
    stack.push_async_callback(bus.close)
    await bus.create(TOPICS)
    own = auth_settings(schemas, chosen, issuer)
    verifier = Verifier(issuer, lambda: auth.fetch_keys(own, clock), clock)
    built: dict[str, Service] = {}

    def told(name: str) -> dict[str, Any]:
        return _settings(schemas, name, chosen, issuer)

    def keep(service: Service) -> None:
        built[service.name] = service
        if service.close is not None:
            stack.push_async_callback(service.close)

    keep(await auth.build(own, bus=bus, clock=clock, verifier=verifier))
    keep(await ingest.build(IngestSettings(**told("ingest")), bus=bus, clock=clock, verifier=verifier))
    keep(
        await kpi.build(
            KpiSettings(**told("kpi"), batch_records_max=BATCH_RECORDS_MAX), bus=bus, clock=clock, verifier=verifier
        )
    )
    keep(await incentive.build(IncentiveSettings(**told("incentive")), bus=bus, clock=clock, verifier=verifier))
    app = await gateway.build({name: service.app for name, service in built.items()}, verifier, clock)
    await stack.enter_async_context(_loops(built, failed))
    return Running(app, built, bus, schemas, chosen, clock, own, failed)


@asynccontextmanager
async def _loops(built: Mapping[str, Service], failed: asyncio.Event) -> AsyncIterator[None]:
    """The services' loops as tasks; at the end each finishes what it holds, or is cancelled after a while."""
    stop = asyncio.Event()

    def ended(task: asyncio.Task[None]) -> None:
        if not stop.is_set():
            error = None if task.cancelled() else task.exception()
            log.critical("%s ended by itself", task.get_name(), exc_info=error)
            failed.set()

    tasks = [
        asyncio.create_task(_run(service.name, loop, stop), name=f"{service.name}.{name}")
        for service in built.values()
        for name, loop in service.loops.items()
    ]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        stop.set()
        _, late = await asyncio.wait(tasks, timeout=DRAIN_SECONDS_MAX) if tasks else ((), ())
        for task in late:
            log.warning("%s did not finish in %.0f s", task.get_name(), DRAIN_SECONDS_MAX)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _run(service: str, loop: Loop, stop: asyncio.Event) -> None:
    telemetry.name_service(service)
    await loop(stop)
