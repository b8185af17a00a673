"""A small cluster to break: the parts that are killed are processes of their own, each behind a wire of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from starlette.types import ASGIApp

from chassis import db, postgres_bus
from chassis.clock import SystemClock
from chassis.kafka_bus import KafkaBus
from chassis.open_bus import OpenBus
from chassis.postgres_bus import PostgresBus
from chassis.serving import listening
from chassis.tokens import Verifier
from contracts.topics import TOPICS
from gateway import __main__ as gateway
from gateway.proxy import Proxy
from merit.embedded import SERVICES, Schemas, prepare
from merit.home import Installation
from services.auth import __main__ as auth
from services.auth.settings import AuthSettings
from services.incentive import __main__ as incentive
from services.incentive.settings import IncentiveSettings
from services.kpi import __main__ as kpi
from services.kpi.settings import KpiSettings
from tests.faults.wire import Step, Trap, Wire
from tools.cluster.layout import Layout, Spec
from tools.cluster.opened import free_ports
from tools.cluster.supervisor import Supervisor

NAMES = ("ingest-api", "kpi-worker-1", "kpi-relay", "incentive-worker-1", "incentive-relay")
"""The processes that run from the start."""
SECOND = ("kpi-worker-2", "kpi-relay-2")
"""Those that a test may start beside them."""
CLIENT_SECONDS_MAX = 30.0


@dataclass(frozen=True)
class Parts(Layout):
    """Some of a cluster's processes, on either log; ``wires``: what stands between each and its database."""

    bus_url: str = ""
    wires: Mapping[str, Wire] = field(default_factory=dict)

    def specs(self) -> list[Spec]:
        return [self._part(name) for name in (*NAMES, *SECOND)]

    def _part(self, name: str) -> Spec:
        service, command = name.split("-")[:2]
        told = {
            "BUS": "kafka" if self.kafka else "postgres",
            "BUS_URL": self.bus_url,
            "DATABASE_URL": self.wires[name].dsn(self.schemas.dsn(service)),
        } | ({"BUS_MEMBER": name} if self.kafka and command == "worker" else {})
        own = {f"{service.upper()}_{key}": value for key, value in told.items()}
        environment = self.settings(service, self.ports[name]) | own
        return Spec(name, f"services.{service}", command, self.ports[name], environment)


@dataclass
class Cluster:
    """Running parts, and doors to them as merit.embedded.Running has them."""

    supervisor: Supervisor
    parts: Parts
    bus: OpenBus
    gateway: ASGIApp
    auth_settings: AuthSettings

    async def token(self, *, role: str | None = None, person: str | None = None, source: str | None = None) -> str:
        """A fresh access token."""
        return await auth.issue(self.auth_settings, SystemClock(), person_id=person, role=role, source=source)

    def client(self) -> httpx.AsyncClient:
        """A client of the gateway."""
        transport = httpx.ASGITransport(app=self.gateway, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://merit", timeout=CLIENT_SECONDS_MAX)

    @asynccontextmanager
    async def database(self, service: str) -> AsyncIterator[db.Connection]:
        """A connection to a service's schema as the database's owner."""
        async with db.single(self.parts.schemas.admin_dsn, service) as conn:
            yield conn

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process by its id."""
        os.kill(self.supervisor.processes[name].pid, number)

    def kill_at(self, name: str, step: Step, nth: int = 1) -> Trap:
        """Have a process killed at a step; what it was about to ask or to be told is lost with it."""

        async def kill() -> None:
            self.signal(name, signal.SIGKILL)
            raise ConnectionAbortedError

        return self._trap(name, Trap(step, nth, kill))

    def freeze_at(self, name: str, step: Step, until: asyncio.Event) -> Trap:
        """Have a process stopped at a step, and go on there once the event is set."""

        async def freeze() -> None:
            self.signal(name, signal.SIGSTOP)
            await until.wait()
            self.signal(name, signal.SIGCONT)

        return self._trap(name, Trap(step, 1, freeze))

    def _trap(self, name: str, trap: Trap) -> Trap:
        self.parts.wires[name].traps.append(trap)
        return trap

    async def rise(self, name: str) -> None:
        """Start a process anew after its end, as whoever looks after it does."""
        self.parts.wires[name].traps.clear()
        await self.supervisor.kill(name)
        await self.forget_members(name.split("-")[0])
        await self.supervisor.start(name)

    async def forget_members(self, service: str) -> None:
        """A service's places in the embedded log's groups are free at once: nobody waits here for a lease to run out.
        (In Kafka workers are static members: who comes back takes the old place, another waits for the session.)"""
        if self.parts.kafka:
            return
        async with db.single(self.parts.schemas.admin_dsn, postgres_bus.SCHEMA) as conn:
            await conn.execute("delete from member where reader_group like $1", f"{service}%")


_numbers = itertools.count(1)


@asynccontextmanager
async def opened(admin_dsn: str, logs: Path, kafka: str = "") -> AsyncIterator[Cluster]:
    """A cluster on an empty database, and on a Kafka without topics if one is named."""
    schemas = Schemas(admin_dsn, {name: f"{name}-of-a-test" for name in (*SERVICES, postgres_bus.SCHEMA)})
    await prepare(schemas)
    async with AsyncExitStack() as stack:
        wires = {name: await stack.enter_async_context(Wire(admin_dsn)) for name in (*NAMES, *SECOND)}
        bus_url = kafka or schemas.dsn(postgres_bus.SCHEMA)
        ports = free_ports(("gateway", "auth-api", *NAMES, *SECOND))
        parts = Parts(schemas, kafka, Installation("UTC", "USD"), ports, 0.0, bus_url, wires)
        bus = await _open_bus(parts)
        stack.push_async_callback(bus.close)
        await bus.create(TOPICS)
        yield await _assemble(stack, parts, bus, logs / f"cluster-{next(_numbers)}")


async def _open_bus(parts: Parts) -> OpenBus:
    return KafkaBus(parts.kafka) if parts.kafka else await PostgresBus.open(parts.bus_url)


async def _assemble(stack: AsyncExitStack, parts: Parts, bus: OpenBus, logs: Path) -> Cluster:
    """Who reads (auth, and the APIs of kpi and incentive) runs here; who writes runs in processes."""
    clock = SystemClock()

    def told(name: str) -> dict[str, str]:
        return {"database_url": parts.schemas.dsn(name), "bus_url": parts.bus_url, "issuer": parts.issuer}

    own = AuthSettings(**told("auth"))
    verifier = Verifier(parts.issuer, lambda: auth.fetch_keys(own, clock), clock)
    built = [
        await auth.build(own, bus=bus, clock=clock, verifier=verifier),
        await kpi.build(KpiSettings(**told("kpi")), bus=bus, clock=clock, verifier=verifier),
        await incentive.build(IncentiveSettings(**told("incentive")), bus=bus, clock=clock, verifier=verifier),
    ]
    for service in built:
        if service.close:
            stack.push_async_callback(service.close)
    await stack.enter_async_context(listening(built[0].app, parts.ports["auth-api"]))
    stop = asyncio.Event()
    relay = asyncio.create_task(_run(built[0].loops["relay"], stop))
    stack.push_async_callback(lambda: asyncio.wait([relay]))
    stack.callback(stop.set)
    supervisor = Supervisor(parts, logs)
    stack.callback(supervisor.kill_all)
    await supervisor.start(*NAMES)
    ingest = Proxy("ingest", f"http://127.0.0.1:{parts.ports['ingest-api']}", connections_max=100)
    stack.push_async_callback(ingest.close)
    app = await gateway.build({s.name: s.app for s in built} | {"ingest": ingest}, verifier, clock)
    return Cluster(supervisor, parts, bus, app, own)


async def _run(loop: object, stop: asyncio.Event) -> None:
    await loop(stop)  # type: ignore[operator]
