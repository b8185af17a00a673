"""The embedded PostgreSQL: started, stopped, killed and started again, and closed to who does not know its password."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from chassis import db
from merit import embedded_postgres
from merit.home import Home, MeritError

PATIENCE_SECONDS = 60.0


@pytest.fixture
def home() -> Iterator[Home]:
    """A home on a short path that PostgreSQL's own user can reach also when the tests run as root."""
    with tempfile.TemporaryDirectory(prefix="merit-home-") as folder:
        yield Home.at(Path(folder) / "home")


async def ask(server: embedded_postgres.Postgres, sql: str) -> object:
    async with db.single(server.dsn()) as conn:
        return await conn.fetchval(sql)


async def test_what_was_written_is_there_after_a_restart(home: Home) -> None:
    with home.lock():
        async with embedded_postgres.started(home) as server, db.single(server.dsn()) as conn:
            await conn.execute("create table kept as select 42 as answer")
        async with embedded_postgres.started(home) as server:
            assert await ask(server, "select answer from kept") == 42
            assert await ask(server, "show synchronous_commit") == "on"
            assert await ask(server, "show fsync") == "on"


async def test_a_clean_stop_needs_no_recovery(home: Home) -> None:
    with home.lock():
        async with embedded_postgres.started(home):
            pass
        async with embedded_postgres.started(home):
            pass
    assert "was not properly shut down" not in (home.postgres / "log").read_text()


async def test_only_its_socket_and_only_with_the_password(home: Home) -> None:
    with home.lock():
        async with embedded_postgres.started(home) as server:
            assert await ask(server, "show listen_addresses") == ""
            rules = await ask(server, "select array_agg(distinct auth_method) from pg_hba_file_rules")
            assert rules == ["scram-sha-256"]
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(server.dsn(password="guess"))
            assert stat.S_IMODE(server.sockets.stat().st_mode) == 0o700
    assert stat.S_IMODE((home.folder / "secrets").stat().st_mode) == 0o700
    for secret in (home.folder / "secrets").iterdir():
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


async def test_a_long_path_has_its_socket_elsewhere(home: Home) -> None:
    deep = Home.at(home.folder / ("x" * 100))
    with deep.lock():
        async with embedded_postgres.started(deep) as server:
            assert not server.sockets.is_relative_to(deep.folder)
            assert await ask(server, "select 1") == 1
            assert embedded_postgres.attach(deep).sockets == server.sockets
    assert not server.sockets.exists()


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from chassis import db
from merit import embedded_postgres
from merit.home import Home

async def main():
    home = Home.at(Path(sys.argv[1]))
    with home.lock():
        async with embedded_postgres.started(home) as server, db.single(server.dsn()) as conn:
            await conn.execute("create table kept as select 42 as answer")
            if sys.argv[2] == "both":
                os.kill(int((home.postgres / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.parametrize("what", ["merit", "both"])
async def test_after_a_kill_the_next_start_has_everything(home: Home, what: str) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(home.folder), what], check=False)  # noqa: ASYNC221
    assert done.returncode == -signal.SIGKILL
    with home.lock():
        async with embedded_postgres.started(home) as server:
            assert await ask(server, "select answer from kept") == 42


def kill(home: Home) -> None:
    os.kill(int((home.postgres / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


async def test_one_that_is_killed_is_started_again_and_stops_cleanly_after_that(home: Home) -> None:
    lost = asyncio.Event()
    with home.lock():
        async with embedded_postgres.started(home, lost=lost.set) as server:
            async with db.single(server.dsn()) as conn:
                await conn.execute("create table kept as select 42 as answer")
            kill(home)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while await answer(server) != 42:
                    await asyncio.sleep(0.1)
        assert not lost.is_set()
        assert not (home.postgres / "data" / "postmaster.pid").exists(), "it runs on"


async def test_one_that_cannot_be_started_again_is_said(home: Home) -> None:
    lost = asyncio.Event()
    with home.lock():
        async with embedded_postgres.started(home, tries_max=1, lost=lost.set):
            (home.postgres / "data" / "global" / "pg_control").unlink()
            kill(home)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await lost.wait()


async def answer(server: embedded_postgres.Postgres) -> object:
    try:
        return await ask(server, "select answer from kept")
    except db.DatabaseUnavailable:
        return None


async def test_an_interrupted_first_start_leaves_nothing_half(home: Home) -> None:
    with home.lock():
        (home.postgres / "data.new").mkdir(parents=True)
        (home.postgres / "data.new" / "half").touch()
        async with embedded_postgres.started(home) as server:
            assert await ask(server, "select 1") == 1


async def test_a_broken_data_folder_is_one_sentence(home: Home) -> None:
    with home.lock():
        async with embedded_postgres.started(home):
            pass
        (home.postgres / "data" / "global" / "pg_control").unlink()
        with pytest.raises(MeritError, match=r"does not start: its log is .*log"):
            async with embedded_postgres.started(home, tries_max=1):
                pass


def test_nobody_there_is_said(home: Home) -> None:
    with pytest.raises(MeritError, match="No Merit runs on the home"):
        embedded_postgres.attach(home)


def test_a_home_has_one_user_at_a_time(home: Home) -> None:
    in_use = rf"in use by another Merit \(process {os.getpid()}\)"
    with home.lock(), pytest.raises(MeritError, match=in_use), Home.at(home.folder).lock():
        pass
    with home.lock():
        pass


def test_zone_and_currency_stay_as_they_were(home: Home) -> None:
    with home.lock():
        made = home.installation("Europe/Berlin", None)
        assert (made.zone, made.currency) == ("Europe/Berlin", "USD")
        assert home.installation(None, "USD") == made
        with pytest.raises(MeritError, match="made with the time zone Europe/Berlin, not UTC"):
            home.installation("UTC", None)
        with pytest.raises(MeritError, match="made with the currency USD, not EUR"):
            home.installation(None, "EUR")
