"""Reading a topic exactly once: the position moves, with compare-and-set, in the transaction of the effects."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from chassis import dead_letters, progress, telemetry, vitals
from chassis.bus import Bus, LogUnavailable, Membership, Partition, Record
from chassis.clock import Clock, pause, stamp_ns
from chassis.db import INSTANT, Connection, Database, DatabaseUnavailable
from chassis.lag import tell_lag
from chassis.messaging import processing
from chassis.metric_names import DEAD_LETTERS

log = logging.getLogger(__name__)

RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.2, 10.0
POLL_SECONDS = 0.5
AFTER_SECONDS_MAX = 5.0


class PositionColumns(SQLModel):
    """The columns of every service's ``position`` table."""

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    next_offset: int = Field(sa_type=BigInteger)
    epoch: int = Field(sa_type=BigInteger)
    read_until: dt.datetime | None = Field(
        default=None, sa_type=INSTANT
    )  # when the newest record read so far was appended


class OnError(Enum):
    """What to do with a record whose handling failed."""

    PARK = "keep it as a dead letter and go on"
    RETRY = "roll back, wait, and try the same batch again"


class PositionLost(Exception):
    """Another worker moved this position: what we did with the batch must not commit."""


Handle = Callable[[Connection, Sequence[Record]], Awaitable[None]]


@dataclass
class Inbox:
    """One group's reader of some topics into one service's database.

    ``handle`` gets a batch (any mixture of partitions, in order within each) inside the transaction that also moves
    the positions; it must do nothing outside of that transaction. An exception that ``on_error`` does not name is
    retried for ever, with backoff: nothing is skipped in silence.
    """

    bus: Bus
    database: Database
    clock: Clock
    group: str
    topics: Sequence[str]
    handle: Handle
    on_error: Mapping[type[Exception], OnError]
    batch_records_max: int = 2000
    retry_seconds_min: float = RETRY_SECONDS_MIN
    retry_seconds_max: float = RETRY_SECONDS_MAX

    async def run(self, stop: asyncio.Event) -> None:
        """Read until ``stop``. Survives a log or a database that is down, and a lost position (it looks again)."""
        with vitals.watching(self._measure):
            await self._join(stop)
        progress.ended(self.group)

    async def _join(self, stop: asyncio.Event) -> None:
        wait = self.retry_seconds_min
        while not stop.is_set():
            progress.beat(self.group)
            try:
                async with self.bus.join(self.group, self.topics, self._locate) as member:
                    await self._read(member, stop)
            except LogUnavailable as error:
                log.warning("%s: %s; joining again in %.1f s", self.group, error, wait)
            except Exception:
                log.exception("%s: could not join; trying again in %.1f s", self.group, wait)
            await pause(wait, stop)
            wait = min(wait * 2, self.retry_seconds_max)

    async def _read(self, member: Membership, stop: asyncio.Event) -> None:
        """Take batch after batch. One that did not commit is read anew: the place in the group is kept meanwhile."""
        wait = self.retry_seconds_min
        while not stop.is_set():
            progress.beat(self.group)
            try:
                since_ns = stamp_ns()
                if records := await member.poll(self.batch_records_max, POLL_SECONDS):
                    with processing(self.group, records, since_ns):
                        await self._take(member, records)
                wait = self.retry_seconds_min
                continue
            except PositionLost:
                log.warning("%s: another worker moved the position; looking again", self.group)
            except (LogUnavailable, DatabaseUnavailable) as error:
                log.warning("%s: %s; trying again in %.1f s", self.group, error, wait)
            except Exception:
                log.exception("%s: a batch failed; trying it again in %.1f s", self.group, wait)
            await member.rewind()
            await pause(wait, stop)
            wait = min(wait * 2, self.retry_seconds_max)

    async def _locate(self, partitions: Sequence[Partition]) -> dict[Partition, int]:
        async with self.database.connection() as conn:
            known = await positions(conn)
        return {p: known.get(p, 0) for p in partitions}

    async def _measure(self) -> None:
        async with self.database.connection() as conn:
            known = await positions(conn)
            DEAD_LETTERS.set(await conn.fetchval("select count(*) from dead_letter"), telemetry.service_name())
        await tell_lag(self.bus, self.clock, self.group, self.topics, known)

    async def _take(self, member: Membership, records: Sequence[Record]) -> None:
        epochs = member.assignment()
        try:
            await self._commit(epochs, records)
        except Exception as error:
            if not self._parks(error):
                raise
            for record in records:  # find the poison: one at a time
                await self._take_one(epochs, record)
        await member.report({r.partition: r.offset + 1 for r in records})

    async def _take_one(self, epochs: Mapping[Partition, int], record: Record) -> None:
        try:
            await self._commit(epochs, [record])
        except Exception as error:
            if not self._parks(error):
                raise
            async with self.database.transaction() as conn:
                await advance(conn, epochs, [record])
                await dead_letters.park(conn, record, error, self.clock.now())

    async def _commit(self, epochs: Mapping[Partition, int], records: Sequence[Record]) -> None:
        async with self.database.transaction() as conn:
            await advance(conn, epochs, records)
            if not telemetry.recording():  # whoever reads on is told of the first cause at least
                telemetry.enter(header(records[0], "traceparent"), self.clock.new_id())
            await self.handle(conn, records)

    def _parks(self, error: Exception) -> bool:
        return any(isinstance(error, t) and how is OnError.PARK for t, how in self.on_error.items())


async def positions(conn: Connection) -> dict[Partition, int]:
    """Where this service's readers stand."""
    rows = await conn.fetch("select topic, partition, next_offset from position")
    return {Partition(r["topic"], r["partition"]): r["next_offset"] for r in rows}


async def advance(conn: Connection, epochs: Mapping[Partition, int], records: Sequence[Record]) -> None:
    """Move the positions over these records, if they are where the records begin. Raises PositionLost."""
    spans: dict[Partition, list[Record]] = {}
    for record in records:
        spans.setdefault(record.partition, []).append(record)
    await conn.execute(
        "insert into position (topic, partition, next_offset, epoch) select *, 0, 0 from unnest($1::text[], $2::int[])"
        " on conflict do nothing",
        [p.topic for p in sorted(spans)],
        [p.number for p in sorted(spans)],
    )
    moved = await conn.fetch(
        "update position set next_offset = m.until, epoch = m.epoch, read_until = greatest(read_until, m.appended)"
        " from unnest($1::text[], $2::int[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])"
        " as m(topic, partition, since, until, epoch, appended)"
        " where position.topic = m.topic and position.partition = m.partition"
        " and position.next_offset = m.since and position.epoch <= m.epoch returning 1",
        [p.topic for p in spans],
        [p.number for p in spans],
        [s[0].offset - s[0].gap for s in spans.values()],
        [s[-1].offset + 1 for s in spans.values()],
        [epochs.get(p, -1) for p in spans],
        [s[-1].appended_at for s in spans.values()],
    )
    if len(moved) != len(spans):
        raise PositionLost


async def wait_until(database: Database, wanted: Mapping[Partition, int], clock: Clock) -> dict[Partition, int]:
    """Wait (at most AFTER_SECONDS_MAX) until this service has read up to ``wanted``; returns what is still missing:
    the partitions that are behind, each with how far it is. Empty = all read."""
    deadline = clock.monotonic() + AFTER_SECONDS_MAX
    while True:
        async with database.connection() as conn:
            known = await positions(conn)
        behind = {p: known.get(p, 0) for p, offset in wanted.items() if known.get(p, 0) < offset}
        if not behind or clock.monotonic() >= deadline:
            return behind
        await asyncio.sleep(0.05)


def header(record: Record, name: str) -> str | None:
    """A header of a record as text."""
    return next((value.decode(errors="replace") for key, value in record.headers if key == name), None)
