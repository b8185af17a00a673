"""A key whose record fails is held, in order, while the others flow; replayed, in order, while its reader works."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from chassis import dead_letters
from chassis.bus import At, Outgoing, Partition
from chassis.sieve import OnError
from tests.chassis.reading import Busy, Poison, effects, keep, running, until_read


def failing_for(*keys):
    """A handler that cannot take anything of these keys (while ``keys`` has them), and keeps the rest."""
    bad = set(keys)

    async def handle(conn, records):
        await keep(conn, records)
        if found := [r for r in records if r.key in bad]:
            raise Busy(f"cannot take {found[0].value!r}")

    handle.bad = bad
    return handle


async def kept_letters(database):
    async with database.transaction() as conn:
        return await conn.fetch("select * from dead_letter order by topic, partition, record_offset")


async def replay_all(database, handle):
    """As an operator does: each key that is held, in order, until one cannot be handled."""
    async with database.transaction() as conn:
        for letter in await conn.fetch("select distinct on (key) * from dead_letter order by key, record_offset"):
            place = At(Partition(letter["topic"], letter["partition"]), letter["record_offset"])
            for record in await dead_letters.following(conn, place, 100):
                await dead_letters.replay(conn, record, handle)


async def test_a_key_that_fails_again_and_again_is_held_in_order_while_the_others_flow(inbox, bus, topic, reader, kit):
    """One key of many, in mid-batch, and again in later batches: nothing of it is lost, nothing of it overtakes."""
    handle = failing_for(b"key-3")
    first, second = kit.numbered(40), [Outgoing(b"key-%d" % (n % 10), b"%d" % n) for n in range(40, 60)]
    await bus.append(topic.name, first)
    async with running(inbox(handle, attempts_max=2)):
        await until_read(reader, bus, topic)
        await bus.append(topic.name, second)
        await until_read(reader, bus, topic)
    others = [r.value for r in first + second if r.key != b"key-3"]
    assert Counter(await effects(reader)) == Counter(others)
    letters = await kept_letters(reader)
    assert [letter["value"] for letter in letters] == [b"3", b"13", b"23", b"33", b"43", b"53"]
    assert all(letter["holds"] for letter in letters)
    assert letters[0]["reason"] == "Busy: cannot take b'3'"
    assert {letter["reason"] for letter in letters[1:]} == {dead_letters.BEHIND}

    handle.bad.clear()
    await replay_all(reader, handle)
    assert (await effects(reader))[len(others) :] == [b"3", b"13", b"23", b"33", b"43", b"53"]
    assert await kept_letters(reader) == []
    await bus.append(topic.name, [Outgoing(b"key-3", b"63")])
    async with running(inbox(handle)):
        await until_read(reader, bus, topic)
    assert (await effects(reader))[-1] == b"63"


async def test_it_is_tried_so_often_before_its_key_is_held(inbox, bus, create, reader):
    topic, attempts = await create(1), []

    async def handle(conn, records):
        attempts.append([r.key for r in records])
        await failing(conn, records)

    failing = failing_for(b"bad")
    await bus.append(topic.name, [Outgoing(b"bad", b"1"), Outgoing(b"good", b"2")])
    async with running(inbox(handle, attempts_max=4, on=topic)):
        await until_read(reader, bus, topic)
    assert attempts == [[b"bad", b"good"]] * 6 + [[b"bad"], [b"good"]]
    """Four times with backoff; at the fifth it is time, and the sixth is taken apart."""
    assert await effects(reader) == [b"2"]


async def test_what_is_to_be_retried_holds_no_key_however_often_it_fails(inbox, bus, topic, reader):
    failures = [Busy()] * 6

    async def handle(conn, records):
        await keep(conn, records)
        if failures:
            raise failures.pop()

    await bus.append(topic.name, [Outgoing(b"k", b"v")])
    async with running(inbox(handle, {Busy: OnError.RETRY}, attempts_max=1)):
        await until_read(reader, bus, topic)
    assert await effects(reader) == [b"v"]
    assert await kept_letters(reader) == []


async def test_a_fault_that_every_key_meets_is_no_keys_fault_and_holds_none(inbox, bus, topic, reader, kit):
    """A bad release, say: it must not turn the whole log into letters that somebody has to replay."""
    handle = failing_for(*(b"key-%d" % n for n in range(20)))
    await bus.append(topic.name, kit.numbered(60, keys=20))
    async with running(inbox(handle, attempts_max=1)):
        await asyncio.sleep(0.5)
    assert await kept_letters(reader) == []
    handle.bad.clear()
    async with running(inbox(handle)):
        await until_read(reader, bus, topic)
    assert Counter(await effects(reader)) == Counter(b"%d" % n for n in range(60))


async def test_a_key_that_fails_with_no_other_beside_it_is_held_after_a_while(inbox, bus, topic, reader):
    """On a quiet log nothing may ever come that shows whose fault it is: a person has to see it all the same."""
    attempts = []

    async def handle(conn, records):
        attempts.append(len(records))
        await failing_for(b"bad")(conn, records)

    await bus.append(topic.name, [Outgoing(b"bad", b"1"), Outgoing(b"bad", b"2")])
    async with running(inbox(handle, attempts_max=2, attempts_alone_max=4)):
        await until_read(reader, bus, topic)
    assert attempts == [2] * 2 + [2, 2, 1] * 3
    """Twice with backoff; then each is taken apart as well, until at the third time it is held with what is behind."""
    assert [(r["value"], r["holds"], r["reason"]) for r in await kept_letters(reader)] == [
        (b"1", True, "Busy: cannot take b'1'"),
        (b"2", True, dead_letters.BEHIND),
    ]
    assert await effects(reader) == []


async def test_above_the_limit_of_held_keys_the_reader_stops(inbox, bus, create, reader):
    topic = await create(1)
    async with reader.transaction() as conn:
        await conn.execute(
            "insert into dead_letter select 'old', 0, n, n::text::bytea, '', '', now(), true, '', now()"
            " from generate_series(1, $1) as n",
            dead_letters.HELD_KEYS_MAX,
        )
    handle = failing_for(b"one")
    await bus.append(topic.name, [Outgoing(b"one", b"1"), Outgoing(b"two", b"2")])
    async with running(inbox(handle, attempts_max=1, on=topic)):
        await asyncio.sleep(0.5)
        assert len(await kept_letters(reader)) == dead_letters.HELD_KEYS_MAX
        handle.bad.clear()
        await until_read(reader, bus, topic)
    assert await effects(reader) == [b"1", b"2"]


async def test_poison_among_the_records_of_a_held_key_is_told_from_what_waits_behind_it(inbox, bus, create, reader):
    async def handle(conn, records):
        if any(r.value == b"poison" for r in records):
            raise Poison("unreadable")
        await failing(conn, records)

    failing = failing_for(b"k")
    topic = await create(1)
    await bus.append(topic.name, [Outgoing(b"other", b"poison"), Outgoing(b"k", b"1"), Outgoing(b"other", b"2")])
    async with running(inbox(handle, {Poison: OnError.PARK}, attempts_max=2, on=topic)):
        await until_read(reader, bus, topic)
    assert [(letter["value"], letter["holds"]) for letter in await kept_letters(reader)] == [
        (b"poison", False),
        (b"1", True),
    ]
    assert await effects(reader) == [b"2"]


async def test_a_replay_and_a_reader_at_work_keep_the_order_of_a_key(inbox, bus, create, reader, kit):
    """The key's records go on coming while what was held is replayed, again and again."""
    topic = await create(1)
    handle = failing_for(b"k")
    sent, done = [], asyncio.Event()

    async def send():
        for n in range(60):
            sent.append(b"%d" % n)
            await bus.append(topic.name, [Outgoing(b"k", b"%d" % n), Outgoing(b"other", b"other")])
            await asyncio.sleep(0.01)

    async def operate():
        while not done.is_set():
            await replay_all(reader, keep)
            await asyncio.sleep(0.02)

    async with running(inbox(handle, attempts_max=1, on=topic)):
        sending = asyncio.create_task(send())
        while not await kept_letters(reader):
            await asyncio.sleep(0.01)
        operating = asyncio.create_task(operate())
        await asyncio.sleep(0.2)
        handle.bad.clear()
        await sending
        await until_read(reader, bus, topic)
        done.set()
        await operating
        await replay_all(reader, keep)
    assert [value for value in await effects(reader) if value != b"other"] == sent


async def test_a_letter_is_what_lay_on_the_log_and_is_discarded_once(inbox, bus, topic, reader):
    headers = (("traceparent", b"\x00\xff"), ("a", b"1"), ("a", b"2"))
    [at] = await bus.append(topic.name, [Outgoing(b"k", b"v", headers)])
    [record] = await bus.read(at, 1)
    async with running(inbox(failing_for(b"k"), {Busy: OnError.PARK})):
        await until_read(reader, bus, topic)
    async with reader.transaction() as conn:
        assert await dead_letters.following(conn, at, 10) == [record]
        await dead_letters.discard(conn, at)
        with pytest.raises(dead_letters.NoSuchLetter):
            await dead_letters.discard(conn, at)
        with pytest.raises(dead_letters.NoSuchLetter):
            await dead_letters.following(conn, at, 10)
