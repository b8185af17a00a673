"""What every implementation of the log does for groups: sharing, moving, zombies, positions and lag."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from chassis.bus import At, Outgoing, Partition, PositionOutsideLog
from chassis.inbox import PositionLost, advance


def held(*members):
    return [set(m.assignment()) for m in members]


async def until_shared(members, partitions, seconds=10.0):
    """Poll all members until they share the partitions evenly, each having exactly one reader."""
    async with asyncio.timeout(seconds):
        while True:
            for member in members:
                await member.poll(100, 0.0)
            counts = Counter(p for found in held(*members) for p in found)
            loads = [len(found) for found in held(*members)]
            if len(counts) == partitions and set(counts.values()) == {1} and max(loads) - min(loads) <= 1:
                return
            await asyncio.sleep(0.05)


async def until_held(member, count, seconds=10.0):
    """Poll a member until it has so many partitions."""
    async with asyncio.timeout(seconds):
        while len(member.assignment()) != count:
            await member.poll(0, 0.05)


async def until_lag(bus, group, topic, expected, seconds=5.0):
    """What a member reports may arrive a little later."""
    async with asyncio.timeout(seconds):
        while await bus.lag(group, topic.name) != expected:
            await asyncio.sleep(0.02)


async def test_one_member_reads_everything_in_order_per_partition(bus, topic, kit, group):
    places = await bus.append(topic.name, kit.numbered(300))
    async with bus.join(group, [topic.name], kit.from_start) as member:
        records = await kit.drain(member, 300)
        assert {(r.partition, r.offset) for r in records} == set(places)
        for number in range(topic.partitions):
            offsets = [r.offset for r in records if r.partition.number == number]
            assert offsets == list(range(len(offsets)))
        assert len(member.assignment()) == topic.partitions


async def test_a_group_reads_several_topics(bus, create, kit, group):
    one, two = await create(1), await create(3)
    await bus.append(one.name, kit.numbered(5))
    await bus.append(two.name, kit.numbered(5))
    async with bus.join(group, [one.name, two.name], kit.from_start) as member:
        assert Counter(r.partition.topic for r in await kit.drain(member, 10)) == {one.name: 5, two.name: 5}


async def test_groups_do_not_disturb_each_other(bus, topic, kit, group):
    await bus.append(topic.name, kit.numbered(20))
    async with (
        bus.join(group, [topic.name], kit.from_start) as one,
        bus.join(group + "-other", [topic.name], kit.from_start) as two,
    ):
        assert len(await kit.drain(one, 20)) == len(await kit.drain(two, 20)) == 20


async def test_members_share_evenly_and_what_one_leaves_the_others_take(log, bus, topic, kit, group):
    other = await log.open()
    async with bus.join(group, [topic.name], kit.from_start) as one:
        await until_shared([one], 6)
        async with other.join(group, [topic.name], kit.from_start) as two:
            await until_shared([one, two], 6)
            assert [len(h) for h in held(one, two)] == [3, 3]
            async with bus.join(group, [topic.name], kit.from_start) as three:
                await until_shared([one, two, three], 6)
                assert [len(h) for h in held(one, two, three)] == [2, 2, 2]
        await until_shared([one], 6)


async def test_members_share_each_topic_and_not_only_the_sum(log, bus, create, kit, group):
    """Six partitions of a busy topic for one member, and six of a quiet one for the other, would be even, too."""
    topics, other = [await create(4), await create(4)], await log.open()
    names = [topic.name for topic in topics]
    async with (
        bus.join(group, names, kit.from_start) as one,
        other.join(group, names, kit.from_start) as two,
    ):
        await until_shared([one, two], 8)
        for member in (one, two):
            assert Counter(p.topic for p in member.assignment()) == dict.fromkeys(names, 2)


async def test_more_members_than_partitions_leaves_some_idle(bus, create, kit, group):
    topic = await create(1)
    async with (
        bus.join(group, [topic.name], kit.from_start) as one,
        bus.join(group, [topic.name], kit.from_start) as two,
    ):
        await until_shared([one, two], 1)
        assert sorted(len(h) for h in held(one, two)) == [0, 1]


async def test_the_epoch_of_a_partition_grows_with_every_assignment(log, bus, topic, kit, group):
    seen: dict[Partition, list[int]] = {}
    other = await log.open()
    async with bus.join(group, [topic.name], kit.from_start) as one:
        for _ in range(3):
            await until_shared([one], 6)
            async with other.join(group, [topic.name], kit.from_start) as two:
                await until_shared([one, two], 6)
                for partition, epoch in two.assignment().items():
                    seen.setdefault(partition, []).append(epoch)
        await until_shared([one], 6)
        for partition, epoch in one.assignment().items():
            seen.setdefault(partition, []).append(epoch)
    moved = [epochs for epochs in seen.values() if len(epochs) > 1]
    assert moved
    assert all(epochs == sorted(set(epochs)) for epochs in moved)


async def test_a_new_assignment_starts_where_the_readers_database_stands(bus, create, kit, group):
    topic = await create(1)
    await bus.append(topic.name, kit.numbered(10))
    asked = []

    async def locate(partitions):
        asked.extend(partitions)
        return {Partition(topic.name, 0): 7}

    async with bus.join(group, [topic.name], locate) as member:
        assert kit.values(await kit.drain(member, 3)) == [b"7", b"8", b"9"]
    assert asked == [Partition(topic.name, 0)]


async def test_rewind_asks_the_readers_database_again(bus, create, kit, group):
    topic = await create(1)
    await bus.append(topic.name, kit.numbered(10))
    stands = {Partition(topic.name, 0): 0}

    async def locate(_):
        return dict(stands)

    async with bus.join(group, [topic.name], locate) as member:
        assert len(await kit.drain(member, 10)) == 10
        stands[Partition(topic.name, 0)] = 4
        await member.rewind()
        assert kit.values(await kit.drain(member, 6)) == [b"%d" % n for n in range(4, 10)]


async def test_a_locate_that_fails_is_asked_again_at_the_next_poll(bus, topic, kit, group):
    await bus.append(topic.name, kit.numbered(10))
    answers = iter([ConnectionError("the reader's database is down")])

    async def locate(_):
        for error in answers:
            raise error
        return {}

    async with bus.join(group, [topic.name], locate) as member:
        with pytest.raises(ConnectionError):
            await member.poll(10, 10.0)
        assert len(await kit.drain(member, 10)) == 10


async def test_a_position_that_the_log_has_not_reached_is_told_and_nothing_is_skipped(bus, create, kit, group):
    """After a restore of the log alone, say: what comes next would be taken for read."""
    topic = await create(1)
    await bus.append(topic.name, kit.numbered(3))

    async def locate(_):
        return {Partition(topic.name, 0): 4}

    async with bus.join(group, [topic.name], locate) as member:
        with pytest.raises(PositionOutsideLog, match="4"):
            await member.poll(10, 10.0)
        with pytest.raises(PositionOutsideLog):
            await member.poll(10, 10.0)


async def test_lag_is_what_was_appended_and_not_yet_reported(bus, create, kit, group):
    topic = await create(1)
    partition = Partition(topic.name, 0)
    await bus.append(topic.name, kit.numbered(10))
    assert await bus.lag(group, topic.name) == {partition: 10}
    async with bus.join(group, [topic.name], kit.from_start) as member:
        await kit.drain(member, 10)
        await member.report({partition: 8})
        await until_lag(bus, group, topic, {partition: 2})
    assert await bus.lag(group, topic.name) == {partition: 2}
    assert await bus.lag(group + "-other", topic.name) == {partition: 10}


async def test_a_reader_that_crashes_loses_its_partitions_to_the_others(log, bus, topic, kit, group):
    doomed = await log.open()
    context = doomed.join(group, [topic.name], kit.from_start)
    await context.__aenter__()
    async with bus.join(group, [topic.name], kit.from_start) as survivor:
        await until_held(survivor, 3)
        await log.crash(doomed)
        await until_shared([survivor], 6, seconds=log.lease_seconds * 5)
        await bus.append(topic.name, kit.numbered(60))
        assert len(await kit.drain(survivor, 60)) == 60
    await context.__aexit__(None, None, None)


async def test_a_zombies_batch_loses_the_compare_and_set_and_its_next_poll_joins_again(
    log, bus, create, kit, group, reader
):
    topic = await create(1)
    await bus.append(topic.name, kit.numbered(10))
    other = await log.open()
    async with bus.join(group, [topic.name], kit.from_start) as zombie:
        stale = await kit.drain(zombie, 10)
        epochs = zombie.assignment()
        await log.expire(group)  # the zombie was stopped for longer than its lease
        async with other.join(group, [topic.name], kit.from_start) as heir:
            fresh = await kit.drain(heir, 10)
            async with reader.transaction() as conn:
                await advance(conn, heir.assignment(), fresh)
            with pytest.raises(PositionLost):
                async with reader.transaction() as conn:
                    await advance(conn, epochs, stale)
            assert await zombie.poll(10, 0.1) == []
        await bus.append(topic.name, [Outgoing(b"k", b"next")])
        [partition] = epochs
        async with asyncio.timeout(log.lease_seconds * 5):
            while zombie.assignment().get(partition, 0) <= epochs[partition]:
                await zombie.poll(10, 0.05)


async def test_a_later_epoch_wins_even_at_the_same_position(bus, create, kit, reader):
    topic = await create(1)
    [at] = await bus.append(topic.name, kit.numbered(1))
    [record] = await bus.read(at, 1)
    async with reader.transaction() as conn:
        await advance(conn, {record.partition: 7}, [record])
        await conn.execute("update position set next_offset = 0")
    with pytest.raises(PositionLost):
        async with reader.transaction() as conn:
            await advance(conn, {record.partition: 6}, [record])


async def test_members_that_come_and_go_lose_nothing(log, bus, topic, kit, group):
    """Each member keeps its positions in one shared table, as one service's workers do."""
    positions: dict[Partition, int] = {}
    taken: Counter[At] = Counter()
    stop = asyncio.Event()
    clients = [bus, await log.open()]

    async def locate(partitions):
        return {p: positions.get(p, 0) for p in partitions}

    async def work(number: int) -> None:
        while not stop.is_set():
            async with clients[number % 2].join(group, [topic.name], locate) as member:
                for _ in range(5 + number):
                    for record in await member.poll(20, 0.05):
                        if positions.get(record.partition, 0) == record.offset:  # the compare-and-set
                            positions[record.partition] = record.offset + 1
                            taken[At(record.partition, record.offset)] += 1

    workers = [asyncio.create_task(work(n)) for n in range(3)]
    places = set()
    for _ in range(20):
        places |= set(await bus.append(topic.name, kit.numbered(25)))
        await asyncio.sleep(0.02)
    async with asyncio.timeout(20):
        while len(taken) < len(places):
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(*workers)
    assert set(taken) == places
    assert set(taken.values()) == {1}
