"""The event log in PostgreSQL: append-only, partitioned, durable, read by groups (schema ``log``).

Everything is kept for now: a topic's retention and compaction are read by the Kafka bus only.
"""

from __future__ import annotations

import asyncio
from collections import deque
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
        self._appender = _Appender(self.database)

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
        await self._appender.close()
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
        offsets = await self._appender.append([(ids[n], r) for n, r in zip(numbers, records, strict=True)])
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


@dataclass(frozen=True)
class _Waiting:
    """One call's records, and where its caller waits for their offsets."""

    records: Sequence[tuple[int, Outgoing]]
    size: int
    offsets: asyncio.Future[list[int]]


class _Appender:
    """Appends of one process share transactions: what comes while one is under way joins the next."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[_Waiting] = deque()
        self._queue_bytes = 0
        self._task: asyncio.Task[None] | None = None

    async def append(self, records: Sequence[tuple[int, Outgoing]]) -> list[int]:
        if not records:
            return []
        size = sum(len(r.key) + len(r.value) for _, r in records)
        if self._queue and self._queue_bytes + size > WAITING_BYTES_MAX:
            raise LogUnavailable("too much waits to be appended already")
        waiting = _Waiting(records, size, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        self._queue_bytes += size
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return await waiting.offsets

    async def close(self) -> None:
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        while self._queue:
            batch = self._next_batch()
            try:
                offsets = await self._write([pair for waiting in batch for pair in waiting.records])
            except BaseException as error:
                told = error if isinstance(error, Exception) else LogUnavailable("the log is being closed")
                for waiting in batch:
                    if not waiting.offsets.done():
                        waiting.offsets.set_exception(told)
                if told is not error:
                    raise
                continue
            for waiting in batch:
                mine, offsets = offsets[: len(waiting.records)], offsets[len(waiting.records) :]
                if not waiting.offsets.done():
                    waiting.offsets.set_result(mine)

    def _next_batch(self) -> list[_Waiting]:
        batch = [self._queue.popleft()]
        size = batch[0].size
        while self._queue and size + self._queue[0].size <= BATCH_BYTES_MAX:
            size += self._queue[0].size
            batch.append(self._queue.popleft())
        self._queue_bytes -= size
        return batch

    async def _write(self, records: Sequence[tuple[int, Outgoing]]) -> list[int]:
        try:
            with log_errors():
                async with asyncio.timeout(APPEND_SECONDS_MAX), self._database.connection() as conn:
                    return await postgres_records.append(conn, records)
        except TimeoutError as error:
            raise LogUnavailable("the log did not answer in time") from error
