"""The event log in PostgreSQL: append-only, partitioned, durable, read by groups (schema ``log``).

Everything is kept for now: a topic's retention and compaction are read by the Kafka bus only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from chassis import postgres_records
from chassis.bus import (
    At,
    Locate,
    LogUnavailable,
    Membership,
    Outgoing,
    Partition,
    Positions,
    Record,
    UnknownTopic,
    check_size,
    partition_of,
)
from chassis.db import Database, connect
from chassis.joined import Joined
from chassis.postgres_group import LEASE_SECONDS, GroupMember
from chassis.postgres_records import log_errors
from contracts.topics import Topic

SCHEMA = "log"
MIGRATIONS = Path(__file__).parent / "log_migrations"
APPEND_SECONDS_MAX = 10.0
BATCH_BYTES_MAX = 8_000_000
"""What one transaction appends; a single call may be larger, and then goes alone."""
WAITING_BYTES_MAX = 64_000_000
"""What may wait in this process to be appended; beyond it append answers LogUnavailable at once."""


@dataclass
class PostgresBus:
    """The log in PostgreSQL (chassis.bus.Bus). Make one with ``open`` inside the event loop that will use it."""

    database: Database
    lease_seconds: float = LEASE_SECONDS
    _ids: dict[str, list[int]] = field(default_factory=dict)
    _members: set[tuple[GroupMember, frozenset[str]]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._appending: Joined[tuple[int, Outgoing], int] = Joined(
            self._write,
            BATCH_BYTES_MAX,
            WAITING_BYTES_MAX,
            lambda why: LogUnavailable(f"the log cannot append: {why}"),
        )

    @classmethod
    async def open(
        cls, dsn: str, *, connections_max: int = 8, lease_seconds: float = LEASE_SECONDS, alone: bool = False
    ) -> PostgresBus:
        """Connect as the log's run-time role. Raises LogUnavailable.

        ``alone``: no other process reads this log, so that members which a crash left behind are forgotten at once
        and hold up nobody until their lease runs out.
        """
        with log_errors():
            database = await connect(dsn, SCHEMA, connections_max)
            if alone:
                async with database.connection() as conn:
                    await conn.execute("delete from member")
            return cls(database, lease_seconds)

    async def close(self) -> None:
        """Finish what is being appended and disconnect. Members leave before."""
        await self._appending.close()
        await self.database.close()

    async def create(self, topics: Iterable[Topic]) -> None:
        rows = [(t.name, number) for t in sorted(topics, key=lambda t: t.name) for number in range(t.partitions)]
        with log_errors():
            async with self.database.transaction() as conn:
                await conn.execute("select pg_advisory_xact_lock(hashtext('log.create'))")
                await conn.execute(
                    "insert into partition (topic, number) select topic, number"
                    " from unnest($1::text[], $2::int[]) as p(topic, number)"
                    " where not exists (select from partition known where known.topic = p.topic)",
                    [topic for topic, _ in rows],
                    [number for _, number in rows],
                )

    async def append(self, topic: str, records: Sequence[Outgoing]) -> list[At]:
        check_size(records)
        ids = await self._partition_ids(topic)
        numbers = [partition_of(record.key, len(ids)) for record in records]
        size = sum(len(r.key) + len(r.value) for r in records)
        offsets = await self._appending([(ids[n], r) for n, r in zip(numbers, records, strict=True)], size)
        for member, topics in self._members:
            if topic in topics:
                member.woken.set()
        return [At(Partition(topic, n), offset) for n, offset in zip(numbers, offsets, strict=True)]

    async def ends(self, topic: str) -> Positions:
        with log_errors():
            async with self.database.connection() as conn:
                rows = await conn.fetch("select number, next_offset from partition where topic = $1", topic)
        if not rows:
            raise UnknownTopic(topic)
        return {Partition(topic, row["number"]): row["next_offset"] for row in rows}

    async def read(self, start: At, records_max: int) -> list[Record]:
        ids = await self._partition_ids(start.partition.topic)
        with log_errors():
            async with self.database.connection() as conn:
                return await postgres_records.read(conn, [(ids[start.partition.number], start)], records_max)

    async def lag(self, group: str, topic: str) -> Mapping[Partition, int]:
        with log_errors():
            async with self.database.connection() as conn:
                rows = await conn.fetch(
                    "select number, partition.next_offset - coalesce(reported.next_offset, 0) as behind from partition"
                    " left join reported on partition_id = id and reader_group = $1 where topic = $2",
                    group,
                    topic,
                )
        if not rows:
            raise UnknownTopic(topic)
        return {Partition(topic, row["number"]): row["behind"] for row in rows}

    @asynccontextmanager
    async def join(self, group: str, topics: Sequence[str], locate: Locate) -> AsyncIterator[Membership]:
        for topic in topics:
            await self._partition_ids(topic)
        member = GroupMember(self.database, group, topics, locate, self.lease_seconds)
        await member.enter()
        entry = (member, frozenset(topics))
        self._members.add(entry)
        lease = asyncio.create_task(member.keep_place())
        try:
            yield member
        finally:
            self._members.discard(entry)
            lease.cancel()
            await asyncio.gather(lease, return_exceptions=True)
            await member.leave()

    async def _partition_ids(self, topic: str) -> list[int]:
        """The ids of a topic's partitions, by number; asked once, as topics stay as they are."""
        if topic not in self._ids:
            with log_errors():
                async with self.database.connection() as conn:
                    rows = await conn.fetch("select id from partition where topic = $1 order by number", topic)
            if not rows:
                raise UnknownTopic(topic)
            self._ids[topic] = [row["id"] for row in rows]
        return self._ids[topic]

    async def _write(self, records: Sequence[tuple[int, Outgoing]]) -> list[int]:
        """Append (partition id, record) pairs of one or many calls in one transaction; returns their offsets."""
        try:
            with log_errors():
                async with asyncio.timeout(APPEND_SECONDS_MAX), self.database.connection() as conn:
                    return await postgres_records.append(conn, records)
        except TimeoutError as error:
            raise LogUnavailable("the log did not answer in time") from error
