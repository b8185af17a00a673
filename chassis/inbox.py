"""Reading a topic exactly once: the position moves, with compare-and-set, in the transaction of the effects."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from chassis import dead_letters, progress, telemetry, vitals
from chassis.bus import Bus, LogUnavailable, Membership, Partition, Record
from chassis.clock import Clock, pause, stamp_ns
from chassis.db import INSTANT, Connection, Database, DatabaseUnavailable, passes
from chassis.dead_letters import Handle, TooManyDeadLetters
from chassis.lag import tell_lag
from chassis.messaging import processing
from chassis.metric_names import DEAD_LETTERS, HELD_KEYS
from chassis.sieve import EveryKeyFails, OnError, Sieve

log = logging.getLogger(__name__)

RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 0.2, 10.0
ATTEMPTS_MAX = 5
"""How often a batch fails before the keys at fault are looked for and held: some three seconds with the backoff."""
ATTEMPTS_ALONE_MAX = 30
"""How often, when no key at all can be handled: some four minutes in which a reader that is at fault can be mended."""
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


class PositionLost(Exception):
    """Another worker moved this position: what we did with the batch must not commit."""


PASSING = (PositionLost, DatabaseUnavailable, LogUnavailable, TooManyDeadLetters, EveryKeyFails)
"""Not the fault of any record: the batch waits."""


@dataclass
class Inbox:
    """One group's reader of some topics into one service's database.

    ``handle`` gets a batch (any mixture of partitions, in order within each) inside the transaction that also moves
    the positions; it must do nothing outside of that transaction. A batch that fails with an exception that
    ``on_error`` does not name is retried with backoff, ``attempts_max`` times; then the keys at fault are held, and the
    others go on (chassis.dead_letters): nothing is skipped in silence, nothing is overtaken. While none can be handled
    that is not before ``attempts_alone_max``.
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
    attempts_max: int = ATTEMPTS_MAX
    attempts_alone_max: int = ATTEMPTS_ALONE_MAX
    _failures: int = field(default=0, init=False)

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
                self._failures += 1
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
            HELD_KEYS.set(await dead_letters.held_keys(conn), telemetry.service_name())
        await tell_lag(self.bus, self.clock, self.group, self.topics, known)

    async def _take(self, member: Membership, records: Sequence[Record]) -> None:
        epochs = member.assignment()
        try:
            await self._commit(epochs, records, self.handle)
        except Exception as error:
            if self._how(error) is OnError.RETRY:
                raise
            log.warning("%s: a batch cannot be handled as a whole (%s)", self.group, type(error).__name__)
            alone = self._failures >= self.attempts_alone_max
            await self._commit(epochs, records, Sieve(self.handle, self._how, self.clock.now(), alone).sift)
        self._failures = 0
        await member.report({r.partition: r.offset + 1 for r in records})

    async def _commit(self, epochs: Mapping[Partition, int], records: Sequence[Record], handle: Handle) -> None:
        async with self.database.transaction() as conn:
            await advance(conn, epochs, records)
            if not telemetry.recording():  # whoever reads on is told of the first cause at least
                telemetry.enter(header(records[0], "traceparent"), self.clock.new_id())
            if ready := await dead_letters.pass_by(conn, records, self.clock.now()):
                await handle(conn, ready)

    def _how(self, error: Exception) -> OnError:
        for kind, how in self.on_error.items():
            if isinstance(error, kind):
                return how
        if isinstance(error, PASSING) or passes(error) or self._failures < self.attempts_max:
            return OnError.RETRY
        return OnError.HOLD


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
