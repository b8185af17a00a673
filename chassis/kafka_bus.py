"""The event log on Apache Kafka, through aiokafka. Why it is as it is: docs/decisions/kafka-behind-the-port.md."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from chassis.bus import (
    At,
    Locate,
    Membership,
    Outgoing,
    Partition,
    Positions,
    Record,
    RecordTooLarge,
    UnknownTopic,
    check_size,
    partition_of,
)
from chassis.kafka_append import AppendOptions, KafkaAppender
from chassis.kafka_clients import HEADERS_BYTES_MAX, KafkaClients
from chassis.kafka_consumer import GroupOptions
from chassis.kafka_group import KafkaMember
from contracts.topics import Topic

ASSIGNMENTS = Topic("merit-assignments", {}, {}, producer="every reader", consumers=("nobody",), partitions=1)
"""One record per assignment of partitions to a member. Its offsets number the assignments; it is kept for ever."""
PROBE_SECONDS_MAX = 1.0


class KafkaBus:
    """The log on Kafka (chassis.bus.Bus). Make one inside the event loop that will use it; it connects when needed.

    ``servers``: host:port, several separated by commas. ``replicas``: of topics that ``create`` makes (None: the
    brokers' default). ``member``: a name that this process keeps over restarts (static membership): within a session
    a restart then moves no partitions, and leaving hands nothing over before the session ends.
    """

    def __init__(
        self,
        servers: str,
        *,
        replicas: int | None = None,
        member: str | None = None,
        options: GroupOptions | None = None,
        appending: AppendOptions | None = None,
    ) -> None:
        self._clients = KafkaClients(servers)
        self._appender = KafkaAppender(servers, self._clients.calls, self._probe, appending or AppendOptions())
        self._replicas, self._member, self._options = replicas, member, options or GroupOptions()
        self._members: dict[tuple[str, int], KafkaMember] = {}
        self._era: int | None = None

    async def close(self) -> None:
        """Finish what is being appended and disconnect. Members leave before."""
        await self._appender.close()
        await self._clients.close()

    async def create(self, topics: Iterable[Topic]) -> None:
        await self._clients.create([*topics, ASSIGNMENTS], self._replicas)

    async def append(self, topic: str, records: Sequence[Outgoing]) -> list[At]:
        check_size(records)
        _check_headers(records)
        count = len(await self._clients.partitions(topic))
        places = {key: partition_of(key, count) for key in {r.key for r in records}}
        return await self._appender.append(topic, [(places[r.key], r) for r in records])

    async def ends(self, topic: str) -> Positions:
        return await self._clients.ends(await self._clients.partitions(topic))

    async def read(self, start: At, records_max: int) -> list[Record]:
        return await self._clients.read(start.partition, start.offset, records_max)

    async def lag(self, group: str, topic: str) -> Mapping[Partition, int]:
        partitions = await self._clients.partitions(topic)
        reported = await self._clients.reported(group, partitions)
        return {p: end - reported.get(p, 0) for p, end in (await self._clients.ends(partitions)).items()}

    @asynccontextmanager
    async def join(self, group: str, topics: Sequence[str], locate: Locate) -> AsyncIterator[Membership]:
        for topic in topics:
            await self._clients.partitions(topic)
        number = next(n for n in range(len(self._members) + 1) if (group, n) not in self._members)
        instance = self._member and f"{self._member}-{group}-{number}"
        member = KafkaMember(
            self._clients, group, topics, locate, lambda: self._next_epoch(group), self._options, instance
        )
        self._members[group, number] = member
        try:
            await member.enter()
            yield member
        finally:
            del self._members[group, number]
            await member.leave()

    async def _next_epoch(self, group: str) -> int:
        """A number above all that were given before, for any group: the instant at which the count began, in ms
        since 1970, and the count. So it grows even when a group, or the whole of Kafka, begins anew."""
        try:
            [at] = await self.append(ASSIGNMENTS.name, [Outgoing(group.encode(), b"")])
        except UnknownTopic:
            await self.create([])
            [at] = await self.append(ASSIGNMENTS.name, [Outgoing(group.encode(), b"")])
        if self._era is None:
            [first] = await self.read(At(at.partition, 0), 1)
            self._era = int(first.appended_at.timestamp() * 1000)
        return self._era + at.offset

    async def _probe(self) -> None:
        await self._clients.alive(PROBE_SECONDS_MAX)


def _check_headers(records: Sequence[Outgoing]) -> None:
    for record in records:
        size = 0
        for name, value in record.headers:
            size += len(name) + len(value)
        if size > HEADERS_BYTES_MAX:
            raise RecordTooLarge(f"a record with headers of {size} bytes; the limit is {HEADERS_BYTES_MAX}")
