"""What only the embedded log must show: its locks, transactions of others, and its database going away."""

from __future__ import annotations

import asyncio
import os
import signal

import asyncpg
import pytest

from chassis import db, postgres_bus, postgres_records
from chassis.bus import At, LogUnavailable, Outgoing, Partition
from chassis.postgres_bus import PostgresBus


@pytest.fixture(scope="module")
async def dsn(new_database):
    """The owner's DSN of a log of its own."""
    dsn = await new_database()
    await prepare(dsn)
    return dsn


async def prepare(dsn):
    await db.prepare(dsn, "log", "secret")
    await asyncio.to_thread(db.migrate, dsn, "log", postgres_bus.MIGRATIONS)


@pytest.fixture
async def bus(dsn, kit):
    bus = await PostgresBus.open(kit.as_role(dsn, "log"), lease_seconds=kit.lease_seconds)
    yield bus
    await bus.close()


@pytest.fixture
async def partition(bus, kit, request):
    """The only partition of a topic that is named after the test."""
    topic = kit.topic(request.node.name, partitions=1)
    await bus.create([topic])
    return Partition(topic.name, 0)


async def partition_id(conn, partition):
    return await conn.fetchval("select id from log.partition where topic = $1", partition.topic)


@pytest.mark.parametrize("commits", [True, False])
async def test_an_append_under_way_holds_back_the_next_one_and_leaves_no_gap(bus, dsn, partition, commits):
    """Offsets are taken under the partition's lock: none is visible before all below it, and a rollback leaves none."""
    async with db.single(dsn, "log") as conn:
        transaction = conn.transaction()
        await transaction.start()
        await postgres_records.append(conn, [(await partition_id(conn, partition), Outgoing(b"k", b"first"))])
        second = asyncio.create_task(bus.append(partition.topic, [Outgoing(b"k", b"second")]))
        await asyncio.sleep(0.1)
        assert not second.done()
        assert await bus.read(At(partition, 0), 10) == []
        await (transaction.commit() if commits else transaction.rollback())
    [at] = await second
    found = await bus.read(At(partition, 0), 10)
    assert [r.value for r in found] == ([b"first", b"second"] if commits else [b"second"])
    assert [r.offset for r in found] == list(range(at.offset + 1))


async def test_a_long_transaction_of_somebody_else_stalls_no_reader(bus, dsn, partition):
    async with db.single(dsn, "log") as conn, conn.transaction():
        await conn.execute("create table elsewhere (n int)")  # it has a transaction id, and writes
        await bus.append(partition.topic, [Outgoing(b"k", b"v")])
        assert [r.value for r in await bus.read(At(partition, 0), 10)] == [b"v"]


async def test_concurrent_calls_share_transactions(bus, partition):
    calls = 200
    places = await asyncio.gather(*(bus.append(partition.topic, [Outgoing(b"k", b"v")]) for _ in range(calls)))
    assert sorted(at.offset for [at] in places) == list(range(calls))
    records = await bus.read(At(partition, 0), calls)
    async with bus.database.connection() as conn:
        transactions = await conn.fetchval(
            "select count(distinct r.xmin::text) from record r join partition p on p.id = partition_id"
            " where topic = $1",
            partition.topic,
        )
    assert len(records) == calls
    assert transactions <= 10


async def test_appends_of_many_partitions_in_any_order_do_not_deadlock(bus, dsn, kit):
    topic = kit.topic("deadlock", partitions=6)
    await bus.create([topic])
    clients = [await PostgresBus.open(kit.as_role(dsn, "log")) for _ in range(4)]
    keys = [b"key-%d" % n for n in range(12)]

    async def append(client, turn):
        for n in range(10):
            ordered = keys[turn + n :] + keys[: turn + n]
            await client.append(topic.name, [Outgoing(k, b"v") for k in (ordered if turn % 2 else ordered[::-1])])

    async with asyncio.timeout(20):
        await asyncio.gather(*(append(client, turn) for turn, client in enumerate(clients)))
    assert sum((await bus.ends(topic.name)).values()) == 4 * 10 * 12
    for client in clients:
        await client.close()


async def test_the_log_is_append_only_for_the_role_that_runs_it(bus, partition):
    await bus.append(partition.topic, [Outgoing(b"k", b"v")])
    for statement in ("update record set value = ''", "delete from record", "truncate record", "drop table record"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with bus.database.connection() as conn:
                await conn.execute(statement)


async def test_a_caller_that_gives_up_disturbs_nobody(bus, partition):
    calls = [asyncio.create_task(bus.append(partition.topic, [Outgoing(b"k", b"%d" % n)])) for n in range(20)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    kept = {end[0].offset for end in ends if isinstance(end, list)}
    assert len(kept) == 10
    offsets = [r.offset for r in await bus.read(At(partition, 0), 100)]
    assert kept <= set(offsets)
    assert offsets == list(range(len(offsets)))


async def test_one_that_is_alone_waits_for_no_lease_of_a_run_that_crashed(dsn, partition, kit, group):
    crashed = await PostgresBus.open(kit.as_role(dsn, "log"), lease_seconds=3600)
    context = crashed.join(group, [partition.topic], kit.from_start)
    await context.__aenter__()
    crashed.database.pool.terminate()
    again = await PostgresBus.open(kit.as_role(dsn, "log"), lease_seconds=3600, alone=True)
    await again.append(partition.topic, [Outgoing(b"k", b"v")])
    async with again.join(group, [partition.topic], kit.from_start) as member:
        assert kit.values(await member.poll(10, 5.0)) == [b"v"]
    await context.__aexit__(None, None, None)
    await again.close()


async def test_a_log_that_nobody_serves_is_unavailable_at_once(tmp_path):
    async with asyncio.timeout(5):
        with pytest.raises(LogUnavailable):
            await PostgresBus.open(f"postgresql://nobody:@/nothing?host={tmp_path}")


async def test_a_stream_goes_on_after_its_database_was_killed_and_started_again(new_server, kit, group):
    own_server = new_server()
    dsn = own_server.get_uri()
    await prepare(dsn)
    bus = await PostgresBus.open(kit.as_role(dsn, "log"), lease_seconds=kit.lease_seconds)
    topic = kit.topic("restarted")
    await bus.create([topic])
    acknowledged, outages, read = set(), [], set()
    stop = asyncio.Event()

    async def write():
        n = 0
        while not stop.is_set():
            try:
                [at] = await bus.append(topic.name, [Outgoing(b"%d" % n, b"%d" % n)])
                acknowledged.add((at, b"%d" % n))
                n += 1
            except LogUnavailable as error:
                outages.append(error)
                await asyncio.sleep(0.05)

    async def follow(member):
        while not (writer.done() and acknowledged <= read):
            try:
                read.update((At(r.partition, r.offset), r.value) for r in await member.poll(100, 0.1))
            except LogUnavailable:
                await asyncio.sleep(0.05)

    async with bus.join(group, [topic.name], kit.from_start) as member, asyncio.timeout(60):
        writer = asyncio.create_task(write())
        reader = asyncio.create_task(follow(member))
        await asyncio.sleep(0.3)
        before = len(acknowledged)
        os.kill(own_server.get_pid(), signal.SIGQUIT)  # PostgreSQL's immediate shutdown: as after a crash
        await asyncio.sleep(0.3)
        await restart(own_server)
        while len(acknowledged) < before + 100:
            await asyncio.sleep(0.05)
        stop.set()
        await asyncio.gather(writer, reader)
    await bus.close()
    assert outages
    assert before
    assert acknowledged <= read
    assert len({at for at, _ in read}) == len(read)  # what lies at an offset never changes


async def restart(server):
    """After a crash PostgreSQL may need several tries, until its last process is gone."""
    for _ in range(20):
        try:
            await asyncio.to_thread(server.ensure_postgres_running)
            return
        except Exception:
            await asyncio.sleep(0.3)
    raise AssertionError("PostgreSQL did not start again")
