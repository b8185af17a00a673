"""What every implementation of the log does: append, order, offsets, reading by position."""

from __future__ import annotations

import asyncio
import time

import pytest

from chassis.bus import RECORD_BYTES_MAX, At, Outgoing, Partition, RecordTooLarge, UnknownTopic, partition_of

POLL_BYTES_MAX = 20_000_000
"""What any implementation may hold for one poll of a slow reader."""


async def everything(bus, topic, partitions=6):
    """All records of a topic, per partition, read outside of any group."""
    found = {}
    for number in range(partitions):
        records, offset = [], 0
        while batch := await bus.read(At(Partition(topic, number), offset), 500):
            records += batch
            offset = batch[-1].offset + 1
        found[number] = records
    return found


async def test_a_key_goes_to_the_partition_of_kafkas_default_partitioner(bus, topic, kit):
    records = kit.numbered(200, keys=50)
    places = await bus.append(topic.name, records)
    assert [p.partition.number for p in places] == [partition_of(r.key, topic.partitions) for r in records]
    assert len({p.partition.number for p in places}) == topic.partitions


async def test_records_of_a_key_keep_their_order(bus, topic, kit):
    for start in range(0, 200, 20):
        await bus.append(topic.name, [Outgoing(b"key-%d" % (n % 7), b"%d" % n) for n in range(start, start + 20)])
    for records in (await everything(bus, topic.name)).values():
        for key in {r.key for r in records}:
            mine = [int(r.value) for r in records if r.key == key]
            assert mine == sorted(mine)


async def test_append_says_where_each_record_lies(bus, topic, kit):
    records = kit.numbered(50)
    places = await bus.append(topic.name, records)
    for record, at in zip(records, places, strict=True):
        [found] = await bus.read(at, 1)
        assert (found.key, found.value, found.partition, found.offset) == (record.key, record.value, *at)


async def test_offsets_are_contiguous_under_twenty_appenders_in_two_processes(log, bus, topic):
    clients = [bus, await log.open()]

    async def append(appender: int) -> list[At]:
        places = []
        for n in range(10):
            batch = [Outgoing(b"%d-%d-%d" % (appender, n, i), b"%d" % appender) for i in range(n + 1)]
            places += await clients[appender % 2].append(topic.name, batch)
        return places

    places = [at for found in await asyncio.gather(*map(append, range(20))) for at in found]
    assert len(set(places)) == len(places) == 20 * 55
    ends = await bus.ends(topic.name)
    assert sum(ends.values()) == len(places)
    for number, records in (await everything(bus, topic.name)).items():
        assert [r.offset for r in records] == list(range(ends[Partition(topic.name, number)]))


async def test_reading_from_a_position_gives_the_same_records_again(bus, create, kit):
    topic = await create(1)
    await bus.append(topic.name, kit.numbered(30))
    partition = Partition(topic.name, 0)
    first, again = await bus.read(At(partition, 10), 5), await bus.read(At(partition, 10), 5)
    assert first == again
    assert kit.values(first) == [b"10", b"11", b"12", b"13", b"14"]
    assert await bus.read(At(partition, 30), 5) == []
    assert await bus.ends(topic.name) == {partition: 30}


async def test_headers_keep_their_order_their_bytes_and_their_repetitions(bus, create):
    topic = await create(1)
    headers = (("b", b"\x00\xff"), ("a", b""), ("b", "回访".encode()))
    [at] = await bus.append(topic.name, [Outgoing(b"k", b"v", headers)])
    assert (await bus.read(at, 1))[0].headers == headers


async def test_keys_and_values_are_bytes_and_may_be_empty(bus, create):
    topic = await create(1)
    [at, _] = await bus.append(topic.name, [Outgoing(b"", b""), Outgoing(b"\x00\xfe", b"\xff\x00")])
    assert [(r.key, r.value) for r in await bus.read(at, 2)] == [(b"", b""), (b"\x00\xfe", b"\xff\x00")]


async def test_a_record_of_the_largest_size_is_taken(bus, create):
    topic = await create(1)
    value = b"x" * (RECORD_BYTES_MAX - 1)
    [at] = await bus.append(topic.name, [Outgoing(b"k", value)])
    assert (await bus.read(at, 1))[0].value == value


async def test_one_byte_more_is_refused_and_nothing_of_the_call_is_appended(bus, create):
    topic = await create(1)
    with pytest.raises(RecordTooLarge, match=str(RECORD_BYTES_MAX)):
        await bus.append(topic.name, [Outgoing(b"k", b"small"), Outgoing(b"k", b"x" * RECORD_BYTES_MAX)])
    assert await bus.ends(topic.name) == {Partition(topic.name, 0): 0}


async def test_appending_nothing_is_nothing(bus, topic):
    assert await bus.append(topic.name, []) == []


async def test_a_topic_that_nobody_created_is_named(bus):
    with pytest.raises(UnknownTopic, match="nobody-made-it"):
        await bus.append("nobody-made-it", [Outgoing(b"k", b"v")])


async def test_creating_a_topic_again_leaves_it_as_it_is(bus, topic, kit):
    await bus.append(topic.name, kit.numbered(10))
    before = await bus.ends(topic.name)
    await bus.create([topic, topic])
    assert await bus.ends(topic.name) == before


async def test_topics_created_by_two_at_once_are_created_once(log, bus, kit):
    other = await log.open()
    topics = [kit.topic(f"at-once-{n}") for n in range(3)]
    await asyncio.gather(bus.create(topics), other.create(reversed(topics)))
    for topic in topics:
        assert len(await bus.ends(topic.name)) == topic.partitions


async def test_a_slow_readers_poll_is_bounded_in_records_and_in_bytes(bus, create, kit, group):
    topic = await create(2)
    for n in range(30):
        await bus.append(topic.name, [Outgoing(b"%d" % n, b"x" * 999_000 if n < 28 else b"small")])
    async with bus.join(group, [topic.name], kit.from_start) as member:
        few = await member.poll(3, 5.0)
        assert 0 < len(few) <= 3
        batch = await member.poll(1000, 5.0)
        assert 0 < sum(len(r.value) for r in batch) <= POLL_BYTES_MAX
        left = 30 - len(few) - len(batch)
        assert len(await kit.drain(member, left)) == left


async def test_a_full_partition_does_not_starve_the_others(bus, create, kit, group):
    topic = await create(2)
    keys = {partition_of(b"%d" % n, 2): b"%d" % n for n in range(20)}
    await bus.append(topic.name, [Outgoing(keys[0], b"many")] * 500 + [Outgoing(keys[1], b"one")])
    async with bus.join(group, [topic.name], kit.from_start) as member:
        polls = [kit.values(await member.poll(10, 5.0)) for _ in range(3)]
    assert any(b"one" in found for found in polls)


async def test_a_waiting_poll_is_woken_by_an_append(bus, topic, kit, group):
    async with bus.join(group, [topic.name], kit.from_start) as member:
        assert await member.poll(10, 0.05) == []
        waits = []
        for n in range(5):
            poll = asyncio.create_task(member.poll(10, 5.0))
            await asyncio.sleep(0.03)
            await bus.append(topic.name, [Outgoing(b"k", b"%d" % n)])
            start = time.perf_counter()
            assert kit.values(await poll) == [b"%d" % n]
            waits.append(time.perf_counter() - start)
        assert sorted(waits)[2] < 0.1


async def test_what_another_process_appends_is_seen_within_half_a_second(log, bus, topic, kit, group):
    other = await log.open()
    async with bus.join(group, [topic.name], kit.from_start) as member:
        await member.poll(10, 0.05)
        poll = asyncio.create_task(member.poll(10, 5.0))
        await asyncio.sleep(0.05)
        await other.append(topic.name, [Outgoing(b"k", b"v")])
        start = time.perf_counter()
        assert kit.values(await poll) == [b"v"]
        assert time.perf_counter() - start < 0.5


async def test_an_empty_poll_comes_back_in_time(bus, topic, kit, group):
    async with bus.join(group, [topic.name], kit.from_start) as member:
        start = time.perf_counter()
        assert await member.poll(10, 0.3) == []
        assert 0.25 < time.perf_counter() - start < 1.5
