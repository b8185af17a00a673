"""Announcements: committed with the state, carried at least once, in order per key, by one relay at a time."""

from __future__ import annotations

import asyncio

import pytest

from chassis import telemetry
from chassis.bus import At, LogUnavailable, Partition
from chassis.outbox import BATCH_ROWS_MAX, Announcement, Relay, announce
from contracts.envelope import STRUCTURED

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def say(topic, key, value):
    return Announcement(topic.name, key, str(value).encode())


async def carried(bus, topic):
    """All records of a topic, each partition from its start."""
    found = []
    for partition, end in (await bus.ends(topic.name)).items():
        while len(batch := await bus.read(At(partition, len([r for r in found if r.partition == partition])), 1000)):
            found += batch
        assert [r.offset for r in found if r.partition == partition] == list(range(end))
    return found


async def waiting(reader):
    async with reader.transaction() as conn:
        return await conn.fetchval("select count(*) from outbox")


async def test_announcements_arrive_in_order_with_their_trace_and_leave_the_outbox(bus, topic, reader):
    telemetry.enter(TRACE, "0")
    async with reader.transaction() as conn:
        await announce(conn, [say(topic, "a", n) for n in range(5)])
    assert await Relay(bus, reader).carry() == 5
    records = await carried(bus, topic)
    assert [(r.key, r.value) for r in records] == [(b"a", b"%d" % n) for n in range(5)]
    assert {r.headers for r in records} == {(("content-type", STRUCTURED.encode()), ("traceparent", TRACE.encode()))}
    assert await waiting(reader) == 0
    assert await Relay(bus, reader).carry() == 0


async def test_what_rolls_back_is_never_announced(bus, topic, reader):
    async def fail_after_announcing():
        async with reader.transaction() as conn:
            await announce(conn, [say(topic, "a", 1)])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_after_announcing()
    assert await Relay(bus, reader).carry() == 0


async def test_two_open_transactions_that_commit_out_of_order_lose_nothing(bus, topic, reader):
    """A poller that asks for ``id > last`` loses the first one here: its smaller id commits last."""
    relay = Relay(bus, reader)
    async with reader.transaction() as first:
        await announce(first, [say(topic, "a", "first")])
        async with reader.transaction() as second:
            await announce(second, [say(topic, "b", "second")])
        assert await relay.carry() == 1
    assert await relay.carry() == 1
    assert sorted(r.value for r in await carried(bus, topic)) == [b"first", b"second"]


async def test_two_relays_keep_the_order_per_key(bus, topic, reader):
    """Writers lock the key's row before they announce; two relays run at once: each key's versions arrive in order."""
    stop = asyncio.Event()
    relays = [asyncio.create_task(Relay(bus, reader).run(stop)) for _ in range(2)]
    versions = dict.fromkeys("abcd", 0)

    async def write(keys):
        for key in keys:
            async with reader.transaction() as conn:
                await conn.execute("select pg_advisory_xact_lock(hashtext($1))", key)
                versions[key] += 1
                await announce(conn, [say(topic, key, versions[key])])

    await asyncio.gather(*(write("abcd" * 10) for _ in range(3)))
    async with asyncio.timeout(10):
        while await waiting(reader):
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.gather(*relays)
    records = await carried(bus, topic)
    for key in versions:
        assert [int(r.value) for r in records if r.key == key.encode()] == list(range(1, 31))


async def test_one_relay_leads_and_the_other_idles(bus, topic, reader):
    async with reader.transaction() as conn:
        await announce(conn, [say(topic, "a", 1)])
    held, release = asyncio.Event(), asyncio.Event()

    class Slow:
        async def append(self, name, records):
            held.set()
            await release.wait()
            return await bus.append(name, records)

    leader = asyncio.create_task(Relay(Slow(), reader).carry())
    await held.wait()
    assert await Relay(bus, reader).carry() == 0
    release.set()
    assert await leader == 1
    assert len(await carried(bus, topic)) == 1


class Failing:
    """A log that fails before or after it appended, a few times."""

    def __init__(self, bus, appends_first, times=1):
        self.bus, self.appends_first, self.times = bus, appends_first, times

    async def append(self, topic, records):
        if not self.times:
            return await self.bus.append(topic, records)
        self.times -= 1
        if self.appends_first:
            await self.bus.append(topic, records)
        raise LogUnavailable("no answer")


@pytest.mark.parametrize("appends_first", [False, True], ids=["before", "after"])
async def test_a_crash_around_the_append_sends_again_and_loses_nothing(bus, topic, reader, appends_first):
    async with reader.transaction() as conn:
        await announce(conn, [say(topic, "a", n) for n in range(3)])
    relay = Relay(Failing(bus, appends_first), reader)
    with pytest.raises(LogUnavailable):
        await relay.carry()
    assert await waiting(reader) == 3
    assert await relay.carry() == 3
    assert [r.value for r in await carried(bus, topic)] == [b"0", b"1", b"2"] * (2 if appends_first else 1)


async def test_a_relay_outlives_a_log_that_is_down(bus, topic, reader):
    async with reader.transaction() as conn:
        await announce(conn, [say(topic, "a", 1)])
    stop = asyncio.Event()
    task = asyncio.create_task(Relay(Failing(bus, appends_first=False, times=3), reader, retry_seconds=0.02).run(stop))
    async with asyncio.timeout(10):
        while await waiting(reader):
            await asyncio.sleep(0.02)
    stop.set()
    await task
    assert len(await carried(bus, topic)) == 1


async def test_a_long_outbox_goes_out_in_bounded_batches(bus, create, reader):
    topic = await create(1)
    async with reader.transaction() as conn:
        await announce(conn, [say(topic, "a", n) for n in range(BATCH_ROWS_MAX + 1)])
    relay = Relay(bus, reader)
    assert [await relay.carry(), await relay.carry()] == [BATCH_ROWS_MAX, 1]
    assert await bus.ends(topic.name) == {Partition(topic.name, 0): BATCH_ROWS_MAX + 1}
    assert [int(r.value) for r in await carried(bus, topic)] == list(range(BATCH_ROWS_MAX + 1))
