"""The compare-and-set of positions: transactions held open, commits out of order, two workers with one batch."""

from __future__ import annotations

import asyncio

import pytest

from chassis.bus import At, Partition
from chassis.inbox import PositionLost, advance, positions, wait_until


@pytest.fixture
async def batches(bus, create, kit):
    """A topic's records, per partition."""
    topic = await create(2)
    await bus.append(topic.name, kit.numbered(40))
    return {p: await bus.read(At(p, 0), 100) for p in await bus.ends(topic.name)}


async def known(database):
    async with database.transaction() as conn:
        return await positions(conn)


async def test_two_open_transactions_that_commit_out_of_order_lose_nothing(batches, reader):
    (one, first), (two, second) = batches.items()
    async with reader.transaction() as early:
        await advance(early, {one: 1}, first)
        async with reader.transaction() as late:
            await advance(late, {two: 1}, second)
        assert await known(reader) == {two: len(second)}
    assert await known(reader) == {one: len(first), two: len(second)}


async def test_of_two_workers_with_the_same_batch_one_commits(batches, reader):
    partition, records = next(iter(batches.items()))
    applied = []

    async def work(worker):
        async with reader.transaction() as conn:
            await advance(conn, {partition: 1}, records)
            await asyncio.sleep(0.05)
            applied.append(worker)

    ends = await asyncio.gather(work("a"), work("b"), return_exceptions=True)
    assert len(applied) == 1
    assert [type(end) for end in ends if end is not None] == [PositionLost]
    assert await known(reader) == {partition: len(records)}


async def test_a_batch_that_does_not_begin_where_the_position_stands_is_lost(batches, reader):
    partition, records = next(iter(batches.items()))

    async def commit(part):
        async with reader.transaction() as conn:
            await advance(conn, {partition: 1}, part)

    with pytest.raises(PositionLost):
        await commit(records[1:])
    await commit(records[:2])
    with pytest.raises(PositionLost):
        await commit(records[1:])
    await commit(records[2:])
    assert await known(reader) == {partition: len(records)}


async def test_one_partition_that_was_lost_rolls_back_the_whole_batch(batches, reader):
    (one, first), (two, second) = batches.items()
    async with reader.transaction() as conn:
        await advance(conn, {one: 1}, first)

    async def both():
        async with reader.transaction() as conn:
            await advance(conn, {one: 1, two: 1}, first + second)

    with pytest.raises(PositionLost):
        await both()
    assert await known(reader) == {one: len(first)}


async def test_opposite_orders_of_partitions_do_not_deadlock(batches, reader):
    (one, first), (two, second) = batches.items()

    async def step(records):
        async with reader.transaction() as conn:
            await advance(conn, {one: 1, two: 1}, records)

    for n in range(min(len(first), len(second))):
        await asyncio.gather(step([first[n], second[n]]), step([second[n], first[n]]), return_exceptions=True)
    assert await known(reader) == dict.fromkeys((one, two), min(len(first), len(second)))


async def test_waiting_looks_at_every_partition_that_is_wanted(batches, reader, clock):
    (one, first), (two, _) = batches.items()
    async with reader.transaction() as conn:
        await advance(conn, {one: 1}, first)
    assert await wait_until(reader, {one: len(first), two: 1}, clock) == {two: 0}
    assert await wait_until(reader, {one: 1, Partition("elsewhere", 0): 0}, clock) == {}
