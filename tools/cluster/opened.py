"""A cluster while a context is open: its database and log found or started, prepared, and every process running."""

from __future__ import annotations

import secrets
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from chassis.clock import SystemClock
from merit.embedded import Schemas
from services.auth import __main__ as auth
from services.auth.settings import AuthSettings
from tools.cluster.layout import NAMES, SERVICES, Layout
from tools.cluster.supervisor import Supervisor

DRAIN_SECONDS = 0.5
"""Nobody balances a load here: what a process needs to be seen as draining, no more."""
CLIENT_SECONDS_MAX = 60.0


@dataclass(frozen=True)
class Cluster:
    """A running cluster: its processes, and doors for tests and tools as merit.embedded.Running has them."""

    supervisor: Supervisor
    layout: Layout

    async def token(self, *, role: str | None = None, person: str | None = None, source: str | None = None) -> str:
        """A fresh access token for a role, for a person, or for a person in one of the roles."""
        return await token(self.layout, role=role, person=person, source=source)

    def client(self) -> httpx.AsyncClient:
        """A client of the gateway, without a token."""
        return httpx.AsyncClient(base_url=self.layout.issuer, timeout=CLIENT_SECONDS_MAX, trust_env=False)


async def token(
    layout: Layout, *, role: str | None = None, person: str | None = None, source: str | None = None
) -> str:
    """An access token from the keys of a cluster whose layout is ours to read."""
    settings = AuthSettings(
        database_url=layout.schemas.dsn("auth"), bus="kafka", bus_url=layout.kafka, issuer=layout.issuer
    )
    return await auth.issue(settings, SystemClock(), person_id=person, role=role, source=source)


@asynccontextmanager
async def opened(layout: Layout, logs: Path) -> AsyncIterator[Cluster]:
    """Prepare, start, and at the end stop in order. Raises ProcessFailed."""
    supervisor = Supervisor(layout, logs)
    try:
        await supervisor.prepare()
        await supervisor.start()
        yield Cluster(supervisor, layout)
        await supervisor.stop_all()
    finally:
        supervisor.kill_all()


def free_ports(names: Sequence[str] = NAMES) -> dict[str, int]:
    """A port for each name that nobody listens on now."""
    with ExitStack() as stack:
        taken = {name: stack.enter_context(socket.create_server(("127.0.0.1", 0))) for name in names}
        return {name: one.getsockname()[1] for name, one in taken.items()}


def fresh_schemas(admin_dsn: str) -> Schemas:
    """Passwords for the roles of a database, made now."""
    return Schemas(admin_dsn, {name: secrets.token_urlsafe(24) for name in SERVICES})
