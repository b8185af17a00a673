"""Looking at the log from outside: writing a topic beforehand, and reading all of one with the log's own times."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.structs import ConsumerRecord

from chassis.bus import Outgoing
from chassis.kafka_bus import KafkaBus
from contracts.envelope import STRUCTURED
from contracts.topics import Topic

CHUNK = 5_000
FETCH_BYTES, PARTITION_BYTES = 32 << 20, 4 << 20
HEADERS = (("content-type", STRUCTURED.encode()),)


async def written(bus: KafkaBus, topic: Topic, records: Iterable[tuple[str, bytes]]) -> int:
    """Append (key, event) pairs as a service does; returns how many."""
    chunk: list[Outgoing] = []
    count = 0
    for key, event in records:
        chunk.append(Outgoing(key.encode(), event, HEADERS))
        if len(chunk) == CHUNK:
            count += len(await bus.append(topic.name, chunk))
            chunk = []
    return count + len(await bus.append(topic.name, chunk))


@asynccontextmanager
async def consumer(servers: str, topic: Topic) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of the whole topic from its beginning, in no group."""
    source = AIOKafkaConsumer(
        bootstrap_servers=servers,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=PARTITION_BYTES,
        fetch_max_bytes=FETCH_BYTES,
    )
    await source.start()
    try:
        source.assign([TopicPartition(topic.name, number) for number in range(topic.partitions)])
        await source.seek_to_beginning()
        yield source
    finally:
        await source.stop()


async def read(servers: str, topic: Topic, count: int) -> list[ConsumerRecord]:
    """So many records of a topic, in order per partition."""
    found: list[ConsumerRecord] = []
    async with consumer(servers, topic) as source:
        while len(found) < count:
            for records in (await source.getmany(timeout_ms=1000)).values():
                found += records
    return found


async def size(bus: KafkaBus, topic: Topic) -> int:
    """How many records a topic has."""
    return sum((await bus.ends(topic.name)).values())
