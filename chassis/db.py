"""PostgreSQL through asyncpg: pools, bounded transactions, schemas with a role each, and migrations.

SQL is written as SQL with ``$1`` parameters; a service's connections have its schema as their search path.
Decimals are exact, JSON columns are bytes-free ``str`` decoded by the caller's types.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from sqlalchemy import DateTime

from chassis import telemetry

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
"""What store functions take: a connection with a transaction open on it."""
Row = asyncpg.Record
INSTANT = DateTime(timezone=True)
"""The column type of an instant, for ``sa_type`` (SQLModel's own choice would drop the offset)."""
DatabaseRefuses = asyncpg.InvalidAuthorizationSpecificationError
"""There is no such user, or not with this password."""

STATEMENT_SECONDS_MAX = 60
LOCK_SECONDS_MAX = 20
IDLE_IN_TRANSACTION_SECONDS_MAX = 30
"""A process that is stopped in mid-transaction keeps its locks from others no longer than this."""
CONNECT_SECONDS_MAX = 10
PREPARE_TRIES_MAX = 10
_DOWN = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # its connection cannot go on: it was told of a shutdown while at rest
    asyncpg.OperatorInterventionError,  # shutting down, starting up, over the statement's time
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    asyncpg.PostgresSystemError,  # fsync or another call of the operating system failed
    asyncpg.LockNotAvailableError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # we stood still for too long
    asyncpg.TransactionRollbackError,  # a deadlock's victim, a serialisation conflict: trying again is the cure
    asyncio.TimeoutError,
)


class DatabaseUnavailable(Exception):
    """The database does not answer: the caller says 503 with Retry-After."""


def passes(error: Exception) -> bool:
    """Whether an error of the database has nothing to do with what was asked: asking again is the cure."""
    return isinstance(error, _DOWN)


@dataclass(frozen=True)
class Database:
    """A pool of one service's connections."""

    pool: asyncpg.Pool[asyncpg.Record]
    schema: str = ""

    @asynccontextmanager
    async def transaction(self, isolation: str = "read_committed", readonly: bool = False) -> AsyncIterator[Connection]:
        """A transaction: commits at the end of the block, rolls back on any exception.

        Raises DatabaseUnavailable when the server cannot be reached or goes away meanwhile.
        """
        said = {"db.system.name": "postgresql", "db.namespace": self.schema}
        with telemetry.inner_span(f"transaction {self.schema}", "client", said):
            async with (
                self.connection() as conn,
                conn.transaction(isolation=isolation, readonly=readonly),  # type: ignore[arg-type]
            ):
                yield conn

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """A connection without a transaction: each statement commits by itself. Raises DatabaseUnavailable."""
        try:
            async with self.pool.acquire(timeout=LOCK_SECONDS_MAX) as conn, _fit(conn):
                yield conn
        except _DOWN as error:
            raise DatabaseUnavailable("the database does not answer") from error

    async def close(self) -> None:
        _open.discard(self)
        await self.pool.close()


_open: set[Database] = set()


def pools() -> dict[str, tuple[int, int, int]]:
    """The open pools by schema: how many connections each has, how many of them are idle, how many it may have."""
    return {d.schema: (d.pool.get_size(), d.pool.get_idle_size(), d.pool.get_max_size()) for d in _open}


@asynccontextmanager
async def _fit(conn: Connection) -> AsyncIterator[None]:
    """One that asyncpg itself cannot go on with is not given back to the pool."""
    try:
        yield
    except asyncpg.InternalClientError:
        conn.terminate()
        raise


async def _keep(_: Connection) -> None:
    """Nothing is set on a connection beyond its transaction, so there is nothing to reset (it cost a round trip)."""


async def connect(dsn: str, schema: str, connections_max: int = 8) -> Database:
    """Open a pool whose connections see ``schema`` only. Raises DatabaseUnavailable."""
    try:
        pool = await asyncpg.create_pool(
            dsn,
            min_size=1,
            max_size=connections_max,
            reset=_keep,
            timeout=CONNECT_SECONDS_MAX,
            command_timeout=STATEMENT_SECONDS_MAX + 5,  # for a server that is there and silent
            server_settings={
                "search_path": schema,
                "timezone": "UTC",
                "statement_timeout": str(STATEMENT_SECONDS_MAX * 1000),
                "lock_timeout": str(LOCK_SECONDS_MAX * 1000),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_SECONDS_MAX * 1000),
                "application_name": f"merit-{schema}",
                "jit": "off",
            },
        )
    except _DOWN as error:
        raise DatabaseUnavailable("the database does not answer") from error
    database = Database(pool, schema)
    _open.add(database)
    return database


@asynccontextmanager
async def single(dsn: str, schema: str | None = None) -> AsyncIterator[Connection]:
    """One connection without pool or transaction, for errands. Raises DatabaseUnavailable, DatabaseRefuses."""
    settings = {"timezone": "UTC"} | ({"search_path": schema} if schema else {})
    try:
        conn = await asyncpg.connect(dsn, server_settings=settings, timeout=CONNECT_SECONDS_MAX)
        try:
            yield conn
        finally:
            await conn.close(timeout=CONNECT_SECONDS_MAX)
    except _DOWN as error:
        raise DatabaseUnavailable("the database does not answer") from error


def columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    """Turn rows into ``width`` arrays for ``unnest($1, $2, …)``."""
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]


def role_of(schema: str) -> str:
    """The run-time role of a service: it owns nothing, so row rules and revoked rights bind it."""
    return f"merit_{schema}"


async def prepare(admin_dsn: str, schema: str, password: str) -> None:
    """Make a service's schema and its run-time role, with the right to use tables that migrations will create."""
    async with single(admin_dsn) as conn:
        for tries_left in reversed(range(PREPARE_TRIES_MAX)):
            try:
                async with conn.transaction():
                    await _prepare(conn, schema, password)
                return
            except (asyncpg.InternalServerError, asyncpg.UniqueViolationError, asyncpg.DuplicateObjectError):
                if not tries_left:  # roles belong to the whole server: another database was preparing the same one
                    raise


async def _prepare(conn: Connection, schema: str, password: str) -> None:
    role = role_of(schema)
    await conn.execute("select pg_advisory_xact_lock(hashtext('merit.prepare'))")
    known = await conn.fetchval("select true from pg_roles where rolname = $1", role)
    verb = "alter" if known else "create"
    literal = await conn.fetchval("select quote_literal($1::text)", password)
    await conn.execute(f'{verb} role "{role}" login password {literal}')
    await conn.execute(f'create schema if not exists "{schema}"')
    await conn.execute(f'grant usage on schema "{schema}" to "{role}"')
    for what, rights in (("tables", "select, insert, update, delete"), ("sequences", "usage, select")):
        await conn.execute(f'alter default privileges in schema "{schema}" grant {rights} on {what} to "{role}"')


def migrate(admin_dsn: str, schema: str, scripts: Path) -> None:
    """Bring a schema to its newest version (alembic; blocking: call it from a thread or a command).

    Each schema has its own history table. ``scripts`` is the service's ``migrations`` folder.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(scripts))
    config.attributes["dsn"] = admin_dsn
    config.attributes["schema"] = schema
    command.upgrade(config, "head")


async def migrated(dsn: str, schema: str, scripts: Path) -> bool:
    """Whether a schema is as new as these migrations, or newer: this release runs on the next one's tables.

    Raises DatabaseUnavailable.
    """
    from alembic.script import ScriptDirectory

    revisions = [one.revision for one in ScriptDirectory(str(scripts)).walk_revisions()]  # the newest first
    async with single(dsn, schema) as conn:
        if not await conn.fetchval("select to_regclass('alembic_version') is not null"):
            return False
        found = await conn.fetchval("select version_num from alembic_version")
    return found is not None and found not in revisions[1:]


def run_migrations(metadata: Any) -> None:
    """The body of every service's ``migrations/env.py``: connect, set the search path, run what is due in one go."""
    from alembic import context
    from sqlalchemy import text
    from sqlalchemy.ext.asyncio import create_async_engine

    dsn, schema = context.config.attributes["dsn"], context.config.attributes["schema"]

    def run(connection: Any) -> None:
        connection.execute(text(f'set search_path to "{schema}"'))
        connection.dialect.default_schema_name = schema
        context.configure(connection=connection, target_metadata=metadata)
        with context.begin_transaction():
            connection.execute(text("select pg_advisory_xact_lock(hashtext('merit.migrate'))"))
            context.run_migrations()

    async def main() -> None:
        async def dial(*_: Any, **__: Any) -> Any:
            return await asyncpg.connect(dsn)

        engine = create_async_engine("postgresql+asyncpg://", async_creator=dial)
        async with engine.begin() as connection:
            await connection.run_sync(run)
        await engine.dispose()

    asyncio.run(main())
