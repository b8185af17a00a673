"""The database's habits: roles that own nothing, migrations of one's own schema, outages with one name."""

from __future__ import annotations

import asyncio
import contextlib
from decimal import Decimal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from chassis import db
from chassis.db import DatabaseUnavailable

MIGRATIONS = Path(__file__).parent / "reader_migrations"


async def test_preparing_and_migrating_again_changes_nothing(reader_dsn, reader):
    async with reader.transaction() as conn:
        await conn.execute("insert into effect (value) values ('kept')")
    await db.prepare(reader_dsn, "reader", "secret")
    await asyncio.to_thread(db.migrate, reader_dsn, "reader", MIGRATIONS)
    async with reader.transaction() as conn:
        assert await conn.fetchval("select value from effect") == b"kept"


async def test_each_schema_has_a_history_of_its_own(reader_dsn):
    await db.prepare(reader_dsn, "sibling", "secret")
    await asyncio.to_thread(db.migrate, reader_dsn, "sibling", MIGRATIONS)
    async with db.single(reader_dsn) as conn:
        found = await conn.fetch("select schemaname from pg_tables where tablename = 'alembic_version' order by 1")
    assert [row["schemaname"] for row in found] == ["reader", "sibling"]


async def test_preparing_one_role_from_many_databases_at_once_works(new_database):
    """Roles belong to the whole server, and so do the races for them."""
    dsns = [await new_database() for _ in range(3)]
    await asyncio.gather(*(db.prepare(dsn, "reader", "secret") for dsn in dsns * 3))
    for dsn in dsns:
        async with db.single(dsn) as conn:
            assert await conn.fetchval("select has_schema_privilege('merit_reader', 'reader', 'usage')")


async def test_a_password_may_hold_any_character(new_database):
    dsn = await new_database()
    await db.prepare(dsn, "awkward", """a'b"c\\d $1 %s""")
    async with db.single(dsn) as conn:
        assert await conn.fetchval("select true from pg_roles where rolname = 'merit_awkward' and not rolsuper")


@pytest.mark.parametrize(
    "statement",
    [
        "create table reader.mine (n int)",
        "alter table effect add column n int",
        "drop table effect",
        "truncate effect",
        "create schema mine",
        "create table sibling.mine (n int)",
        "select * from hidden.secret",
        "create role friend",
    ],
)
async def test_the_run_time_role_owns_nothing(reader_dsn, reader, statement):
    async with db.single(reader_dsn) as conn:
        await conn.execute("create schema if not exists hidden")
        await conn.execute("create schema if not exists sibling")
        await conn.execute("create table if not exists hidden.secret (n int)")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with reader.connection() as conn:
            await conn.execute(statement)


async def test_a_connection_sees_its_schema_only_and_speaks_utc(reader):
    async with reader.transaction() as conn:
        assert await conn.fetchval("show search_path") == "reader"
        assert await conn.fetchval("show timezone") == "UTC"
        assert await conn.fetchval("select 0.1::numeric + 0.2") == Decimal("0.3")


async def test_a_transaction_commits_at_its_end_and_rolls_back_on_any_exception(reader):
    async def fail():
        async with reader.transaction() as conn:
            await conn.execute("insert into effect (value) values ('lost')")
            raise KeyError

    async with reader.transaction() as conn:
        await conn.execute("insert into effect (value) values ('kept')")
    with pytest.raises(KeyError):
        await fail()
    async with reader.transaction(readonly=True) as conn:
        assert [r["value"] for r in await conn.fetch("select value from effect")] == [b"kept"]
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await conn.execute("delete from effect")


async def test_nothing_is_left_on_a_connection_that_goes_back_to_the_pool(reader_dsn, kit):
    database = await db.connect(kit.as_role(reader_dsn, "reader"), "reader", connections_max=1)
    async with database.transaction() as conn:
        await conn.execute("set local search_path to public")
        await conn.execute("select pg_advisory_xact_lock(1)")
    async with database.transaction() as conn:
        assert await conn.fetchval("show search_path") == "reader"
        assert await conn.fetchval("select count(*) from pg_locks where locktype = 'advisory' and objid = 1") == 0
    await database.close()


async def test_an_unreachable_server_is_unavailable_at_once(tmp_path):
    async with asyncio.timeout(5):
        with pytest.raises(DatabaseUnavailable):
            await db.connect(f"postgresql://nobody:@/nothing?host={tmp_path}", "x")
        with pytest.raises(DatabaseUnavailable):
            async with db.single(f"postgresql://nobody:@/nothing?host={tmp_path}"):
                pass


@pytest.mark.parametrize(
    "statement",
    [
        "select pg_terminate_backend(pg_backend_pid())",
        "set local statement_timeout = 50; select pg_sleep(5)",
        "do $$ begin raise exception 'disk full' using errcode = '53100'; end $$",
        "do $$ begin raise exception 'fsync failed' using errcode = '58030'; end $$",
        "do $$ begin raise exception 'deadlock' using errcode = '40P01'; end $$",
    ],
    ids=["killed", "too long", "disk full", "i/o error", "deadlock"],
)
async def test_a_server_that_fails_in_mid_transaction_is_unavailable_and_the_pool_recovers(reader, statement):
    async def write():
        async with reader.transaction() as conn:
            await conn.execute("insert into effect (value) values ('lost')")
            await conn.execute(statement)

    with pytest.raises(DatabaseUnavailable):
        await write()
    async with reader.transaction() as conn:
        assert await conn.fetchval("select count(*) from effect") == 0


class Teller:
    """A proxy before a server, which can tell a client what a server that shuts down tells one that is at rest."""

    FATAL = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"

    def __init__(self, folder: str) -> None:
        self.path = f"{folder}/.s.PGSQL.5432"
        self.clients: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_unix_connection(self.path)
        self.clients.append(writer)
        await asyncio.wait(
            [asyncio.create_task(self.pump(reader, up_writer)), asyncio.create_task(self.pump(up_reader, writer))]
        )

    async def pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while chunk := await reader.read(65536):
                writer.write(chunk)
        writer.close()

    def tell_all(self) -> None:
        for writer in self.clients:
            writer.write(b"E" + (len(self.FATAL) + 4).to_bytes(4) + self.FATAL)


async def test_a_connection_that_was_told_of_a_shutdown_while_at_rest_is_an_outage_and_is_not_used_again(
    reader_dsn, kit
):
    """The word arrives before the end of the connection does: asyncpg then has one in a state that it cannot leave."""
    teller = Teller(parse_qs(urlsplit(reader_dsn).query)["host"][0])
    async with await asyncio.start_server(teller.serve, "127.0.0.1", 0) as proxy:
        user, _, rest = kit.as_role(reader_dsn, "reader").partition("@")
        address = f"{user}@127.0.0.1:{proxy.sockets[0].getsockname()[1]}{rest.partition('?')[0]}?sslmode=disable"
        database = await db.connect(address, "reader", connections_max=1)
        teller.tell_all()
        await asyncio.sleep(0.05)
        with pytest.raises(DatabaseUnavailable):
            async with database.transaction() as conn:
                await conn.fetchval("select 1")
        async with database.transaction() as conn:
            assert await conn.fetchval("select 1") == 1
        await database.close()


async def test_a_parameter_that_does_not_fit_is_a_bug_and_no_outage(reader):
    with pytest.raises(asyncpg.DataError):
        async with reader.transaction() as conn:
            await conn.fetch("select $1::int", "seven")


async def test_a_broken_rule_of_the_schema_is_no_outage(reader):
    with pytest.raises(asyncpg.NotNullViolationError):
        async with reader.transaction() as conn:
            await conn.execute("insert into effect (value) values (null)")


def test_columns_turns_rows_into_arrays():
    assert db.columns([(1, "a"), (2, "b")], 2) == [[1, 2], ["a", "b"]]
    assert db.columns([], 3) == [[], [], []]
    with pytest.raises(ValueError, match="argument 2"):
        db.columns([(1, 2), (1,)], 2)
