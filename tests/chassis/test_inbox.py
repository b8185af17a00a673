"""Reading exactly once: through crashes between any two steps, poison, retries and other workers."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from chassis import dead_letters
from chassis.bus import LogUnavailable, Outgoing, Partition, after
from chassis.db import DatabaseUnavailable
from chassis.inbox import header, positions, wait_until
from chassis.sieve import OnError
from tests.chassis.reading import Busy, Poison, effects, keep, running, until_read


async def test_every_record_has_one_effect_and_the_position_moves_with_it(inbox, bus, topic, reader, kit):
    records = kit.numbered(100)
    await bus.append(topic.name, records)
    async with running(inbox()):
        await until_read(reader, bus, topic)
    assert Counter(await effects(reader)) == Counter(r.value for r in records)


class CrashingBus:
    """A log whose members fail at random: when they poll, when they report, and when they rewind."""

    def __init__(self, bus, seed):
        self.bus, self.dice = bus, random.Random(seed)

    @asynccontextmanager
    async def join(self, group, topics, locate):
        async with self.bus.join(group, topics, locate) as member:
            yield CrashingMember(member, self.dice)


class CrashingMember:
    def __init__(self, member, dice):
        self.member, self.dice = member, dice
        self.assignment, self.rewind = member.assignment, member.rewind

    async def poll(self, records_max, wait_seconds):
        records = await self.member.poll(records_max, wait_seconds)
        self._roll("after the poll")
        return records

    async def report(self, positions):
        self._roll("before the report")
        await self.member.report(positions)

    def _roll(self, when):
        if self.dice.random() < 0.15:
            raise LogUnavailable(f"crashed {when}")


@pytest.mark.parametrize("seed", range(4))
async def test_crashes_between_any_two_steps_lose_and_repeat_nothing(log, inbox, bus, topic, reader, kit, seed):
    """Two workers in two processes. Handlers fail before and after their effect, the log fails between the steps,
    whole workers die at any point and others start: in the end each record has its effect once."""
    dice = random.Random(seed)
    clients = [bus, await log.open()]

    async def stumble(conn, records):
        if dice.random() < 0.15:
            raise Busy("before the effect")
        await keep(conn, records)
        if dice.random() < 0.15:
            raise Busy("after the effect")

    def worker(number):
        crashing = CrashingBus(clients[number % 2], seed * 10 + number)
        return asyncio.create_task(inbox(stumble, bus=crashing, batch_records_max=7).run(asyncio.Event()))

    workers = [worker(0), worker(1)]
    sent = []
    for n in range(15):
        batch = kit.numbered(dice.randint(1, 20))
        sent += [r.value for r in batch]
        await bus.append(topic.name, batch)
        await asyncio.sleep(dice.random() * 0.05)
        if dice.random() < 0.4:
            victim = dice.randrange(2)
            workers[victim].cancel()
            await asyncio.gather(workers[victim], return_exceptions=True)
            workers[victim] = worker(n)
    await until_read(reader, bus, topic, seconds=30)
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    assert Counter(await effects(reader)) == Counter(sent)


async def test_a_killed_connection_in_mid_batch_rolls_back_and_is_tried_again(inbox, bus, topic, reader, reader_dsn):
    kills = [1]

    async def handle(conn, records):
        await keep(conn, records)
        if kills:
            kills.pop()
            await conn.execute("select pg_terminate_backend(pg_backend_pid())")

    await bus.append(topic.name, [Outgoing(b"k", b"once")])
    async with running(inbox(handle)):
        await until_read(reader, bus, topic)
    assert await effects(reader) == [b"once"]


async def test_poison_is_parked_with_its_reason_and_the_others_go_on_in_order(inbox, bus, create, topic, reader, clock):
    async def handle(conn, records):
        await keep(conn, records)
        if bad := [r for r in records if r.value == b"bad"]:
            raise Poison(f"cannot read {bad[0].value!r}")

    values = [b"1", b"bad", b"2", b"3", b"bad", b"4"]
    places = await bus.append(topic.name, [Outgoing(b"k", value) for value in values])
    async with running(inbox(handle, {Poison: OnError.PARK})):
        await until_read(reader, bus, topic)
    assert await effects(reader) == [b"1", b"2", b"3", b"4"]
    async with reader.transaction() as conn:
        parked = await conn.fetch("select * from dead_letter order by record_offset")
    assert [(p["partition"], p["record_offset"]) for p in parked] == [
        (at.partition.number, at.offset) for at, value in zip(places, values, strict=True) if value == b"bad"
    ]
    assert {(p["topic"], p["key"], p["value"]) for p in parked} == {(topic.name, b"k", b"bad")}
    assert {p["reason"] for p in parked} == {"Poison: cannot read b'bad'"}
    assert {p["parked_at"] for p in parked} == {clock.instant}


@pytest.mark.parametrize("on_error", [{Busy: OnError.RETRY}, {}], ids=["declared", "not declared"])
async def test_what_is_not_to_be_parked_is_tried_until_it_works(inbox, bus, topic, reader, on_error):
    failures = [Busy(), Busy()]

    async def handle(conn, records):
        await keep(conn, records)
        if failures:
            raise failures.pop()

    await bus.append(topic.name, [Outgoing(b"k", b"%d" % n) for n in range(3)])
    async with running(inbox(handle, on_error)):
        await until_read(reader, bus, topic)
    assert await effects(reader) == [b"0", b"1", b"2"]
    async with reader.transaction() as conn:
        assert await conn.fetchval("select count(*) from dead_letter") == 0


async def test_above_the_limit_of_dead_letters_the_reader_stops_rather_than_parks_the_world(inbox, bus, topic, reader):
    async with reader.transaction() as conn:
        await conn.execute(
            "insert into dead_letter select 'old', 0, n, '', '', '', now(), false, '', now()"
            " from generate_series(1, $1) as n",
            dead_letters.DEAD_LETTERS_MAX,
        )
    attempts = asyncio.Event()

    async def handle(conn, records):
        attempts.set()
        raise Poison

    await bus.append(topic.name, [Outgoing(b"k", b"bad")])
    async with running(inbox(handle, {Poison: OnError.PARK})):
        await attempts.wait()
        await asyncio.sleep(0.1)
    async with reader.transaction() as conn:
        assert await positions(conn) == {}
        assert await conn.fetchval("select count(*) from dead_letter") == dead_letters.DEAD_LETTERS_MAX


async def test_records_with_a_broken_trace_header_are_read_all_the_same(inbox, bus, topic, reader):
    await bus.append(topic.name, [Outgoing(b"k", b"v", (("traceparent", b"\xff\xfe"),))])
    async with running(inbox()):
        await until_read(reader, bus, topic)
    assert await effects(reader) == [b"v"]


async def test_a_reader_reports_how_far_it_is(inbox, bus, topic, reader, group):
    await bus.append(topic.name, [Outgoing(b"k", b"v")])
    async with running(inbox()):
        await until_read(reader, bus, topic)
        async with asyncio.timeout(5):
            while any((await bus.lag(group, topic.name)).values()):
                await asyncio.sleep(0.02)


async def test_waiting_for_a_position_ends_when_it_is_read(inbox, bus, topic, reader, clock):
    wanted = after(await bus.append(topic.name, [Outgoing(b"k", b"v")]))
    async with running(inbox()):
        await until_read(reader, bus, topic)
    assert await wait_until(reader, wanted, clock) == {}


async def test_waiting_for_a_position_gives_up_and_says_how_far_it_is(reader, clock):
    wanted = {Partition("t", 0): 5, Partition("t", 1): 0}
    assert await wait_until(reader, wanted, clock) == {Partition("t", 0): 0}


async def test_a_header_is_text_or_absent(bus, topic):
    [at] = await bus.append(topic.name, [Outgoing(b"k", b"v", (("a", b"1"), ("a", b"2")))])
    [record] = await bus.read(at, 1)
    assert header(record, "a") == "1"
    assert header(record, "b") is None


class DownBus:
    """A log that is down for the first few calls."""

    def __init__(self, bus, times, error):
        self.bus, self.times, self.error = bus, times, error

    @asynccontextmanager
    async def join(self, group, topics, locate):
        if self.times:
            self.times -= 1
            raise self.error
        async with self.bus.join(group, topics, locate) as member:
            yield member


@pytest.mark.parametrize("error", [LogUnavailable("down"), DatabaseUnavailable("down"), RuntimeError("a bug")])
async def test_a_log_that_is_down_at_the_start_is_joined_when_it_is_back(inbox, bus, topic, reader, error):
    await bus.append(topic.name, [Outgoing(b"k", b"v")])
    async with running(inbox(bus=DownBus(bus, 2, error))):
        await until_read(reader, bus, topic)
    assert await effects(reader) == [b"v"]
