"""The composition root: ``python -m services.auth COMMAND`` (see --help), and what ``merit`` builds from."""

from __future__ import annotations

import secrets
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chassis import process
from chassis.app import Service
from chassis.bus import Bus
from chassis.clock import Clock, SystemClock
from chassis.db import Database, connect
from chassis.outbox import Relay
from chassis.tokens import Verifier
from services.auth.app import create_app
from services.auth.handlers import Auth, clients, keys, tokens
from services.auth.handlers.clients import Credentials
from services.auth.handlers.hashing import Hasher
from services.auth.settings import AuthSettings

SCHEMA = "auth"
MIGRATIONS = Path(__file__).parent / "migrations"
SECRET_BYTES = 32


async def build(settings: AuthSettings, *, bus: Bus, clock: Clock, verifier: Verifier) -> Service:
    """Open the database, make the first signing key, and put the service together. Raises DatabaseUnavailable."""
    database = await connect(settings.database_url, SCHEMA, settings.connections_max)
    await keys.ensure_key(database, clock)
    auth = _use_cases(settings, database, clock)

    async def close() -> None:
        auth.hasher.close()
        await database.close()

    return Service("auth", create_app(auth, verifier), {"relay": Relay(bus, database).run}, close)


async def fetch_keys(settings: AuthSettings, clock: Clock) -> Mapping[str, Any]:
    """The JWKS document straight from the database: for verifiers in auth's own process."""
    async with _opened(settings) as database:
        return await keys.published(database, clock)


async def issue(
    settings: AuthSettings,
    clock: Clock,
    *,
    person_id: str | None = None,
    role: str | None = None,
    source: str | None = None,
) -> str:
    """An access token for whoever owns the machine: for a person (with their own roles, or ``role``), or for a role.

    ``source`` is the event source that a machine's token is bound to. Raises CannotIssue and
    DatabaseUnavailable.
    """
    async with _opened(settings) as database:
        issued = await tokens.issue(database, clock, settings.issuer, person_id=person_id, role=role, source=source)
    return issued.access_token


async def first_admin(settings: AuthSettings, clock: Clock) -> Credentials | None:
    """Make the first admin's client and return its secret, this once; None when there is an admin already."""
    async with _opened_use_cases(settings, clock) as auth:
        return await clients.first_admin(auth)


async def service_accounts(settings: AuthSettings, clock: Clock, source: str | None = None) -> dict[str, Credentials]:
    """Make a client ``service-ROLE`` per role that a machine can have; returns those made now, by role."""
    async with _opened_use_cases(settings, clock) as auth:
        return await clients.service_accounts(auth, source)


async def _tell_first_admin(settings: AuthSettings) -> str:
    made = await first_admin(settings, SystemClock())
    if made is None:
        return "there is an admin already: its secret was told once, when it was made"
    return f"client_id={made.client_id}\nclient_secret={made.client_secret}"


def _use_cases(settings: AuthSettings, database: Database, clock: Clock) -> Auth:
    def new_secret() -> str:
        return secrets.token_urlsafe(SECRET_BYTES)

    hasher = Hasher(settings.hashing_threads)
    return Auth(database, clock, settings.zone_info, settings.issuer, hasher, new_secret)


@asynccontextmanager
async def _opened_use_cases(settings: AuthSettings, clock: Clock) -> AsyncIterator[Auth]:
    async with _opened(settings) as database:
        auth = _use_cases(settings, database, clock)
        try:
            yield auth
        finally:
            auth.hasher.close()


@asynccontextmanager
async def _opened(settings: AuthSettings) -> AsyncIterator[Database]:
    database = await connect(settings.database_url, SCHEMA, connections_max=1)
    try:
        yield database
    finally:
        await database.close()


if __name__ == "__main__":
    errands = {"first-admin": _tell_first_admin}
    sys.exit(process.main(SCHEMA, AuthSettings, build, MIGRATIONS, ("relay",), errands=errands))
