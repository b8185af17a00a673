"""One process's ways to ask Kafka: topics, ends, single partitions, groups. Made when first needed, kept while open."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code
from aiokafka.structs import ConsumerRecord

from chassis.bus import LogUnavailable, Partition, Positions, Record, UnknownTopic
from chassis.kafka_calls import ANSWER_SECONDS_MAX, REQUEST_MS_MAX, RETRY_SECONDS, Calls
from contracts.topics import Topic

CLOSE_SECONDS_MAX = 5.0
HEADERS_BYTES_MAX = 100_000
BATCH_BYTES_MAX = 1_200_000
"""What a topic takes as one batch of records: the largest record with its headers, and what surrounds them."""
IDLE_FETCH_MS = 50


def spot(partition: Partition) -> TopicPartition:
    """The partition in aiokafka's words."""
    return TopicPartition(partition.topic, partition.number)


def record_of(partition: Partition, found: ConsumerRecord, gap: int = 0) -> Record:
    """A record that aiokafka read, in the port's words; where Kafka has nothing, no bytes."""
    key, value = found.key or b"", found.value or b""
    headers = tuple((name, said or b"") for name, said in found.headers)
    return Record(partition, found.offset, key, value, headers, _instant(found.timestamp), gap)


@lru_cache(maxsize=1024)
def _instant(milliseconds: int) -> dt.datetime:
    """Records that were appended together have one time."""
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


class KafkaClients:
    """What asks on behalf of the bus. ``servers``: host:port, several separated by commas."""

    def __init__(self, servers: str) -> None:
        self.servers = servers
        self.calls = Calls()
        self._admin: AIOKafkaAdminClient | None = None
        self._looker: AIOKafkaConsumer | None = None
        self._reader: AIOKafkaConsumer | None = None
        self._starting = asyncio.Lock()
        self._reading = asyncio.Lock()
        self._counts: dict[str, int] = {}

    async def close(self) -> None:
        """Disconnect."""
        for client in (self._looker, self._reader):
            if client is not None:
                await client.stop()
        if self._admin is not None:
            await self._admin.close()
        await self.calls.close(CLOSE_SECONDS_MAX)

    async def create(self, topics: Sequence[Topic], replicas: int | None) -> None:
        """Make the topics that are not there and wait until they can be used. ``replicas`` None: the brokers'
        default. Raises LogUnavailable."""
        # aiokafka wants either a number of replicas or their places, and takes the default for neither
        places: dict[int, list[int]] | None = None if replicas else {}
        new = [
            NewTopic(t.name, t.partitions, replicas or -1, places, configuration(t, replicas))
            for t in {t.name: t for t in topics}.values()
        ]
        admin = await self._admin_client()
        made = await self.calls.answer(
            lambda: admin.create_topics(new, timeout_ms=REQUEST_MS_MAX), ANSWER_SECONDS_MAX * 2
        )
        for name, code, why in made.topic_errors:
            if code and for_code(code) is not TopicAlreadyExistsError:
                raise LogUnavailable(f"topic {name} could not be made: {why or for_code(code).__name__}")
        for topic in new:
            await self._usable(topic.name)

    async def alive(self, seconds_max: float) -> None:
        """Ask Kafka something small. Raises LogUnavailable."""
        admin = await self._admin_client()
        await self.calls.answer(admin.describe_cluster, seconds_max)

    async def partitions(self, topic: str) -> list[Partition]:
        """All partitions of a topic; their number is asked once, as topics stay as they are. Raises UnknownTopic."""
        if topic not in self._counts:
            admin = await self._admin_client()
            # all topics are described: asking for one by name makes it where brokers create topics by themselves
            found = {t["topic"]: len(t["partitions"]) for t in await self.calls.answer(admin.describe_topics)}
            if not found.get(topic):
                raise UnknownTopic(topic)
            self._counts[topic] = found[topic]
        return [Partition(topic, number) for number in range(self._counts[topic])]

    async def ends(self, partitions: Sequence[Partition], seconds_max: float = ANSWER_SECONDS_MAX) -> Positions:
        """The offsets that the next records will get. Raises LogUnavailable."""
        looker = await self._looking()
        spots = [spot(p) for p in partitions]
        found = await self.calls.answer(lambda: looker.end_offsets(spots), seconds_max)
        return {Partition(*tp): offset for tp, offset in found.items()}

    async def beginning(self, partition: Partition) -> int:
        """The first offset that is still kept. Raises LogUnavailable."""
        looker = await self._looking()
        found = await self.calls.answer(lambda: looker.beginning_offsets([spot(partition)]))
        return int(found[spot(partition)])

    async def reported(self, group: str, partitions: Sequence[Partition]) -> Positions:
        """What a group committed to Kafka; a partition without a commit is left out. Raises LogUnavailable."""
        admin = await self._admin_client()
        spots = [spot(p) for p in partitions]
        found = await self.calls.answer(lambda: admin.list_consumer_group_offsets(group, partitions=spots))
        return {Partition(*tp): known.offset for tp, known in found.items() if known.offset >= 0}

    async def read(self, partition: Partition, offset: int, records_max: int) -> list[Record]:
        """Records of one partition from an offset on (from the first kept one, if it is gone); empty at the end."""
        end = (await self.ends([partition]))[partition]
        if offset >= end:
            return []
        async with self._reading:
            self._reader = self._reader or await self._connect(
                fetch_max_wait_ms=IDLE_FETCH_MS, auto_offset_reset="earliest"
            )
            reader = self._reader
            reader.assign([spot(partition)])
            reader.seek(spot(partition), max(0, offset))
            try:
                return await self.calls.answer(
                    lambda: self._next(reader, partition, end, records_max), ANSWER_SECONDS_MAX * 2
                )
            finally:
                reader.unsubscribe()

    async def _next(self, reader: AIOKafkaConsumer, partition: Partition, end: int, records_max: int) -> list[Record]:
        while not (found := await reader.getmany(timeout_ms=IDLE_FETCH_MS, max_records=records_max)):
            if await reader.position(spot(partition)) >= end:  # nothing but gaps up to the end
                return []
        return [record_of(partition, record) for record in found[spot(partition)]]

    async def _usable(self, topic: str) -> None:
        """Wait until all brokers' news of a new topic has arrived."""
        for _ in range(int(ANSWER_SECONDS_MAX / RETRY_SECONDS)):
            try:
                await self.ends(await self.partitions(topic), RETRY_SECONDS * 10)
            except (UnknownTopic, LogUnavailable):
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return
        raise LogUnavailable(f"topic {topic} was made and cannot be used yet")

    async def _admin_client(self) -> AIOKafkaAdminClient:
        async with self._starting:
            if self._admin is None:
                admin = AIOKafkaAdminClient(bootstrap_servers=self.servers, request_timeout_ms=REQUEST_MS_MAX)
                await self.calls.start(admin, admin.close)
                self._admin = admin
            return self._admin

    async def _looking(self) -> AIOKafkaConsumer:
        async with self._starting:
            self._looker = self._looker or await self._connect()
            return self._looker

    async def _connect(self, **options: object) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.servers, enable_auto_commit=False, request_timeout_ms=REQUEST_MS_MAX, **options
        )
        await self.calls.start(consumer, consumer.stop)
        return consumer


def configuration(topic: Topic, replicas: int | None) -> Mapping[str, str]:
    """A topic's settings in Kafka's words: kept for ever unless the registry says otherwise, dated by Kafka's clock,
    and written to all replicas but one before it counts as safe (to one, where there is only one)."""
    hours = topic.retention_hours
    safe = {} if replicas is None else {"min.insync.replicas": str(max(1, replicas - 1))}
    return safe | {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "retention.ms": "-1" if hours is None else str(hours * 3_600_000),
        "retention.bytes": "-1",
        "max.message.bytes": str(BATCH_BYTES_MAX),
        "message.timestamp.type": "LogAppendTime",
    }
