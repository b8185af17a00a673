"""A service as a process: its commands, its settings told at once, and loops that live and end together."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic_settings import SettingsConfigDict

from chassis import db
from chassis.process import main, together
from chassis.settings import ServiceSettings

MIGRATIONS = Path(__file__).parent / "reader_migrations"


class ReaderSettings(ServiceSettings):
    """The small service's own."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="READER_")


def run(command):
    async def build(settings, *, bus, clock, verifier):
        raise AssertionError("this command builds nothing")

    return main("reader", ReaderSettings, build, MIGRATIONS, ("worker",), [command])


def test_check_says_every_problem_at_once_and_fails(monkeypatch, capsys):
    monkeypatch.setenv("READER_ZONE", "Middle/Earth")
    assert run("check") == 2
    told = capsys.readouterr().err
    assert [line.split(":")[0] for line in told.splitlines()] == [
        "READER_DATABASE_URL",
        "READER_BUS_URL",
        "READER_ZONE",
    ]


def test_check_is_content_with_good_settings(monkeypatch, capsys):
    monkeypatch.setenv("READER_DATABASE_URL", "postgresql://x")
    monkeypatch.setenv("READER_BUS_URL", "postgresql://x")
    assert run("check") == 0
    assert "complete" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["serve", "relay", ""])
def test_a_command_that_there_is_not_is_refused(command, capsys):
    with pytest.raises(SystemExit):
        run(command)
    assert "worker" in capsys.readouterr().err


async def test_migrate_makes_the_tables(new_database, monkeypatch):
    dsn = await new_database()
    monkeypatch.setenv("READER_DATABASE_URL", "postgresql://merit_reader:secret@/nothing")
    monkeypatch.setenv("READER_ADMIN_DATABASE_URL", dsn)
    monkeypatch.setenv("READER_BUS_URL", "postgresql://x")
    assert await asyncio.to_thread(run, "migrate") == 0
    async with db.single(dsn, "reader") as conn:
        assert await conn.fetchval("select count(*) from effect") == 0


async def test_loops_work_side_by_side_until_they_are_told_to_stop():
    seen = []

    def loop(name):
        async def work(stop):
            seen.append(name)
            await stop.wait()
            seen.append(f"{name} ended")

        return work

    stop = asyncio.Event()
    task = asyncio.create_task(together(loop("a"), loop("b"))(stop))
    await asyncio.sleep(0.01)
    assert seen == ["a", "b"]
    stop.set()
    await task
    assert sorted(seen[2:]) == ["a ended", "b ended"]


async def test_a_loop_that_fails_takes_the_others_with_it_and_is_told():
    async def breaks(_):
        raise KeyError("a bug")

    async def works(stop):
        await stop.wait()

    with pytest.RaisesGroup(KeyError):
        async with asyncio.timeout(5):
            await together(works, breaks)(asyncio.Event())
