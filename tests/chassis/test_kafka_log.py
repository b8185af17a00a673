"""What only Kafka must show: its broker going away, gaps, epochs that grow for ever, and a consumer that hangs."""

from __future__ import annotations

import asyncio
import time

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from chassis.bus import At, LogUnavailable, Outgoing, Partition, PositionOutsideLog, RecordTooLarge
from chassis.inbox import advance
from chassis.kafka_append import AppendOptions
from chassis.kafka_bus import ASSIGNMENTS, KafkaBus
from chassis.kafka_clients import HEADERS_BYTES_MAX, configuration
from chassis.kafka_consumer import GroupOptions

SOON_SECONDS = 8.0
"""Far below what aiokafka would wait (for ever), and enough for a busy machine."""


@pytest.fixture
async def bus(kafka, kit):
    bus = KafkaBus(kafka, options=GroupOptions(kit.lease_seconds))
    yield bus
    await bus.close()


@pytest.fixture
async def partition(bus, kit):
    """The only partition of a topic that no other test knows."""
    topic = kit.topic(f"single-{time.time_ns()}", partitions=1)
    await bus.create([topic])
    return Partition(topic.name, 0)


@pytest.fixture(scope="module")
def broker(new_broker):
    """A broker that these tests stop and kill."""
    return new_broker()


@pytest.fixture
async def own_bus(broker, kit):
    """A client of that broker."""
    await asyncio.to_thread(broker.start)
    bus = KafkaBus(broker.servers, options=GroupOptions(kit.lease_seconds))
    yield bus
    await bus.close()


async def mend(bus, topic, record, seconds=30.0):
    """Append as a client would: again and again until it is taken."""
    async with asyncio.timeout(seconds):
        while True:
            try:
                return await bus.append(topic.name, [record])
            except LogUnavailable:
                await asyncio.sleep(0.1)


async def keep_sending(bus, topic, sent, stop):
    """Number after number, each sent again until the log has it."""
    while not stop.is_set():
        await mend(bus, topic, Outgoing(b"key-%d" % (len(sent) % 5), b"%d" % len(sent)))
        sent.append(b"%d" % len(sent))
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("how", ["stop", "kill"])
async def test_a_broker_that_restarts_in_mid_stream_loses_nothing_and_keeps_the_order(own_bus, broker, kit, group, how):
    topic = kit.topic(f"restarts-by-{how}", partitions=3)
    await own_bus.create([topic])
    sent, read, stop = [], [], asyncio.Event()
    sender = asyncio.create_task(keep_sending(own_bus, topic, sent, stop))
    async with own_bus.join(group, [topic.name], kit.from_start) as member:

        async def look():
            try:
                read.extend(await member.poll(100, 0.1))
            except LogUnavailable:
                await asyncio.sleep(0.1)

        while len(read) < 20:
            await look()
        await asyncio.to_thread(getattr(broker, how))
        before = len(sent)
        await asyncio.to_thread(broker.start)
        while len(sent) < before + 20:
            await look()
        stop.set()
        await sender
        async with asyncio.timeout(30):
            while set(kit.values(read)) != set(sent):
                await look()
        for partition in {r.partition for r in read}:
            offsets = [r.offset for r in read if r.partition == partition]
            firsts = sorted(set(offsets))
            assert firsts == list(range(len(firsts)))
        for key in {r.key for r in read}:
            numbers = list(dict.fromkeys(int(r.value) for r in sorted(read, key=lambda r: r.offset) if r.key == key))
            assert numbers == sorted(numbers)


async def test_a_broker_that_is_away_is_told_at_once_and_what_was_refused_does_not_wait(own_bus, broker, kit):
    topic = kit.topic("away", partitions=1)
    await own_bus.create([topic])
    await own_bus.append(topic.name, kit.numbered(1))
    await asyncio.to_thread(broker.kill)
    start = time.perf_counter()
    with pytest.raises(LogUnavailable):
        await own_bus.append(topic.name, [Outgoing(b"k", b"first")])
    assert time.perf_counter() - start < SOON_SECONDS
    start = time.perf_counter()
    for _ in range(200):
        with pytest.raises(LogUnavailable):
            await own_bus.append(topic.name, [Outgoing(b"k", b"later")])
    assert time.perf_counter() - start < 1.0
    await asyncio.to_thread(broker.start)
    await mend(own_bus, topic, Outgoing(b"k", b"back"))
    found = kit.values(await own_bus.read(At(Partition(topic.name, 0), 0), 1000))
    assert found[0] == b"0"
    assert found[-1] == b"back"
    assert b"later" not in found


async def test_a_broker_that_freezes_is_told_soon_and_keeps_the_order(own_bus, broker, kit):
    """Connections stay open and nothing comes: as with a cut cable, or a machine that swaps."""
    topic = kit.topic("freezes", partitions=1)
    await own_bus.create([topic])
    await own_bus.append(topic.name, kit.numbered(1))
    broker.freeze()
    start = time.perf_counter()
    for value in (b"unknown", b"refused"):
        with pytest.raises(LogUnavailable):
            await own_bus.append(topic.name, [Outgoing(b"k", value)])
    assert time.perf_counter() - start < SOON_SECONDS
    broker.thaw()
    await mend(own_bus, topic, Outgoing(b"k", b"back"))
    found = kit.values(await own_bus.read(At(Partition(topic.name, 0), 0), 1000))
    assert found in ([b"0", b"unknown", b"back"], [b"0", b"back"])


async def test_a_log_that_nobody_answers_for_is_told(kit, group):
    bus = KafkaBus("127.0.0.1:1")
    topic = kit.topic("nowhere")
    asked = [
        bus.create([topic]),
        bus.append(topic.name, kit.numbered(1)),
        bus.ends(topic.name),
        bus.lag(group, topic.name),
        bus.join(group, [topic.name], kit.from_start).__aenter__(),
    ]
    for ask in asked:
        with pytest.raises(LogUnavailable):
            await ask
    await bus.close()


@pytest.fixture
async def admin(kafka):
    """Somebody who does to topics what the port does not offer."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def impatient(kafka):
    """A client that gives up soon."""
    bus = KafkaBus(kafka, appending=AppendOptions(delivery_seconds=1.0, stuck_seconds=3.0))
    yield bus
    await bus.close()


async def refused_after(bus, topic, record):
    """After how many seconds the log said that it is unavailable; None when it took the record."""
    start = time.perf_counter()
    try:
        await bus.append(topic.name, [record])
    except LogUnavailable:
        return time.perf_counter() - start
    return None


async def test_records_that_kafka_answers_for_and_does_not_take_hold_nobody_up_for_long(impatient, admin, kit):
    """Their topic was deleted: Kafka says so, and the producer tries again. Callers are told in time; what cannot go
    through is given up, so that others can; and when the topic is there again it is used again."""
    gone, fine = kit.topic(f"gone-{time.time_ns()}", 1), kit.topic(f"fine-{time.time_ns()}", 1)
    await impatient.create([gone, fine])
    await impatient.append(gone.name, kit.numbered(1))
    await admin.delete_topics([gone.name])

    lost = Outgoing(b"k", b"lost")
    while (waited := await refused_after(impatient, gone, lost)) is None:
        await asyncio.sleep(0.1)  # deleting takes a moment
    assert waited < SOON_SECONDS
    assert (await refused_after(impatient, gone, lost) or 0) < SOON_SECONDS
    await mend(impatient, fine, Outgoing(b"k", b"given way"))
    await impatient.create([gone])
    await mend(impatient, gone, Outgoing(b"k", b"again"))
    records = await impatient.read(At(Partition(gone.name, 0), 0), 100)
    assert kit.values(records)[-1] == b"again"


async def test_gaps_in_the_offsets_do_not_stop_a_reader(bus, kafka, partition, kit, group, reader):
    """Compaction leaves gaps, and so does the mark that ends a transaction: it takes an offset and is no record."""
    await bus.append(partition.topic, [Outgoing(b"k", b"0")])
    async with AIOKafkaProducer(bootstrap_servers=kafka, transactional_id="gaps") as producer:
        for value in (b"1", b"3"):
            async with producer.transaction():
                await producer.send(partition.topic, value, b"k", partition=0)
    async with asyncio.timeout(10):
        while await bus.ends(partition.topic) != {partition: 5}:  # the last mark comes when it comes
            await asyncio.sleep(0.02)
    await bus.append(partition.topic, [Outgoing(b"k", b"5")])
    async with bus.join(group, [partition.topic], kit.from_start) as member:
        records = await kit.drain(member, 4)
        assert [(r.offset, r.gap, r.value) for r in records] == [
            (0, 0, b"0"),
            (1, 0, b"1"),
            (3, 1, b"3"),
            (5, 1, b"5"),
        ]
        for record in records:
            async with reader.transaction() as conn:
                await advance(conn, member.assignment(), [record])
        async with reader.transaction() as conn:
            assert await conn.fetchval("select next_offset from position where topic = $1", partition.topic) == 6


async def delete_before(admin, partition, offset):
    """As retention does, but now."""
    await admin.delete_records({TopicPartition(*partition): RecordsToDelete(before_offset=offset)})


async def test_a_new_reader_begins_at_the_first_record_that_is_kept(bus, admin, partition, kit, group, reader):
    await bus.append(partition.topic, kit.numbered(10))
    await delete_before(admin, partition, 7)
    async with bus.join(group, [partition.topic], kit.from_start) as member:
        records = await kit.drain(member, 3)
        assert [(r.offset, r.gap) for r in records] == [(7, 7), (8, 0), (9, 0)]
        async with reader.transaction() as conn:
            await advance(conn, member.assignment(), records)


@pytest.mark.parametrize("stands", [3, 99], ids=["before the first record", "after the end"])
async def test_a_reader_whose_position_the_log_does_not_have_stops_instead_of_skipping(
    bus, admin, partition, kit, group, stands
):
    await bus.append(partition.topic, kit.numbered(10))
    await delete_before(admin, partition, 7)

    async def locate(_):
        return {partition: stands}

    async with bus.join(group, [partition.topic], locate) as member:
        for _ in range(2):
            with pytest.raises(PositionOutsideLog, match=str(stands)):
                await kit.drain(member, 1)


async def test_epochs_grow_when_a_group_begins_anew_and_differ_between_processes(kafka, bus, partition, kit, group):
    seen = []
    for _ in range(3):
        other = KafkaBus(kafka, options=GroupOptions(kit.lease_seconds))
        async with other.join(group, [partition.topic], kit.from_start) as member:
            async with asyncio.timeout(10):
                while not member.assignment():
                    await member.poll(1, 0.05)
            seen += member.assignment().values()
        await other.close()
    assert seen == sorted(set(seen))
    assert seen[0] > 2**40  # above any that the embedded log has counted


async def test_a_consumer_that_fetches_nothing_is_replaced(kafka, bus, partition, kit, group):
    """The fetching task is gone, as in aiokafka's issue 1154: alive, a member, and silent."""
    watchful = KafkaBus(kafka, options=GroupOptions(kit.lease_seconds, watch_seconds=0.3))
    await bus.append(partition.topic, kit.numbered(5))
    async with watchful.join(group, [partition.topic], kit.from_start) as member:
        assert len(await kit.drain(member, 5)) == 5
        hung = member._consumer
        await hung._fetcher.close()
        await bus.append(partition.topic, [Outgoing(b"k", b"unseen")])
        assert (await kit.drain(member, 1))[0].value is not None
        assert member._consumer is not hung
    await watchful.close()


async def test_headers_count_too(bus, partition):
    with pytest.raises(RecordTooLarge, match="headers"):
        await bus.append(partition.topic, [Outgoing(b"k", b"v", (("h", b"x" * HEADERS_BYTES_MAX),))])
    [at] = await bus.append(partition.topic, [Outgoing(b"k", b"v" * 999_000, (("h", b"x" * 90_000),))])
    assert len((await bus.read(at, 1))[0].value) == 999_000


async def test_a_static_member_keeps_its_partitions_over_a_restart(kafka, bus, kit, group):
    topic = kit.topic(f"static-{time.time_ns()}", partitions=4)
    await bus.create([topic])
    async with bus.join(group, [topic.name], kit.from_start) as other:
        names = []
        for _ in range(2):
            static = KafkaBus(kafka, member="pod-1", options=GroupOptions(kit.lease_seconds * 3))
            async with static.join(group, [topic.name], kit.from_start) as member, asyncio.timeout(20):
                while len(member.assignment()) != 2 or len(other.assignment()) != 2:
                    await asyncio.gather(member.poll(1, 0.05), other.poll(1, 0.05))
                names.append((set(member.assignment()), dict(other.assignment())))
            await static.close()
        assert names[0] == names[1]  # the other was not disturbed: its epochs are the same


def test_a_topics_settings_say_what_the_registry_says(kit):
    assert configuration(ASSIGNMENTS, None)["retention.ms"] == "-1"
    assert "min.insync.replicas" not in configuration(ASSIGNMENTS, None)
    assert configuration(ASSIGNMENTS, 3)["min.insync.replicas"] == "2"
    assert configuration(ASSIGNMENTS, 1)["min.insync.replicas"] == "1"
