"""The port of the event log: what Merit asks of Kafka, and of the log in PostgreSQL.

A topic has partitions; a record's key picks its partition (murmur2, as Kafka's clients do), and the records of a
partition have contiguous offsets from 0. A group's members share the partitions. The reader's own database holds its
positions: what is reported to the log only shows lag.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from msgspec import Struct

from chassis.murmur import murmur2
from contracts.topics import TOPICS, Topic

RECORD_BYTES_MAX = 1_000_000


class LogUnavailable(Exception):
    """The log does not answer: the caller says 503 with Retry-After; sending again is safe."""


class RecordTooLarge(Exception):
    """A record's key and value are over RECORD_BYTES_MAX bytes; nothing of the call was appended."""


class UnknownTopic(Exception):
    """Nobody created this topic: a fault of the caller or of the deployment."""


class PositionOutsideLog(Exception):
    """A reader's position is before the first record that is kept, or after the end: what lies between would be
    skipped, so the reader stops here until somebody decides."""


class Partition(NamedTuple):
    """One ordered stream of a topic."""

    topic: str
    number: int


class At(NamedTuple):
    """Where a record lies."""

    partition: Partition
    offset: int


class Outgoing(Struct, frozen=True, gc=False):
    """A record to append. Headers are ordered pairs, as in Kafka."""

    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Record(Struct, frozen=True, gc=False):
    """A record that was read; ``appended_at`` is the log's own clock, in UTC.

    ``gap``: how many offsets right before it hold nothing (compaction took them): a reader that stands at
    ``offset - gap`` has read all before it.
    """

    partition: Partition
    offset: int
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
    appended_at: dt.datetime
    gap: int = 0


Positions = Mapping[Partition, int]
"""Per partition the next offset to read."""
Locate = Callable[[Sequence[Partition]], Awaitable[Positions]]
"""Asked on each assignment: where does the reader's database stand? A partition that it omits starts at 0."""


class Membership(Protocol):
    """One member's place in a group."""

    async def poll(self, records_max: int, wait_seconds: float) -> list[Record]:
        """The next records of the assigned partitions, in order per partition; empty when none came in time.

        Rebalances happen inside poll: on a new assignment it calls ``locate`` and continues from there. Raises
        LogUnavailable and PositionOutsideLog.
        """
        ...

    def assignment(self) -> Mapping[Partition, int]:
        """The partitions that this member reads now, each with the epoch (it grows with every assignment)."""
        ...

    async def rewind(self) -> None:
        """Forget what was fetched and ask ``locate`` again: after a batch that was not committed."""
        ...

    async def report(self, positions: Positions) -> None:
        """Tell the log how far the reader is: for lag only; never needed for correctness."""
        ...


class Bus(Protocol):
    """An append-only, partitioned, durable log."""

    async def create(self, topics: Iterable[Topic]) -> None:
        """Make the topics that are not there yet; those that are there stay as they are."""
        ...

    async def append(self, topic: str, records: Sequence[Outgoing]) -> list[At]:
        """Append durably; returns where each record lies, in the order given, once all of them are safe.

        Raises RecordTooLarge and UnknownTopic (nothing appended), and LogUnavailable (some may have been appended:
        send again).
        """
        ...

    async def ends(self, topic: str) -> Positions:
        """Per partition the offset that the next record will get."""
        ...

    async def read(self, start: At, records_max: int) -> list[Record]:
        """Read one partition from an offset, outside of any group: replay and audit. Empty at the end."""
        ...

    async def lag(self, group: str, topic: str) -> Mapping[Partition, int]:
        """Records appended and not yet reported by the group, per partition."""
        ...

    def join(self, group: str, topics: Sequence[str], locate: Locate) -> AbstractAsyncContextManager[Membership]:
        """Be a member of a group while the context is open; leaving hands the partitions over."""
        ...


async def reach(bus: Bus, service: str) -> None:
    """Ask the log where each topic ends that a service reads or writes. Raises LogUnavailable, also for one that
    nobody created yet."""
    try:
        for topic in TOPICS:
            if service in (topic.producer, *topic.consumers):
                await bus.ends(topic.name)
    except UnknownTopic as error:
        raise LogUnavailable(f"the log has no topic {error}") from error


def partition_of(key: bytes, partitions: int) -> int:
    """The partition of a key: murmur2 as Kafka's default partitioner, so that both logs place a key alike."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def check_size(records: Sequence[Outgoing]) -> None:
    """Raise RecordTooLarge for the first record over the limit."""
    for record in records:
        if (size := len(record.key) + len(record.value)) > RECORD_BYTES_MAX:
            raise RecordTooLarge(f"a record of {size} bytes; the limit is {RECORD_BYTES_MAX}")


def format_positions(positions: Positions) -> str:
    """Positions as one opaque word for clients: ``crm-sales.3.118~crm-sales.5.20``."""
    return "~".join(f"{p.topic}.{p.number}.{offset}" for p, offset in sorted(positions.items()))


def parse_positions(text: str) -> dict[Partition, int]:
    """Read what format_positions wrote; raises ValueError when it is nothing of the kind."""
    positions: dict[Partition, int] = {}
    for part in text.split("~") if text else []:
        topic, number, offset = part.rsplit(".", 2)
        if not (topic and number.isdecimal() and offset.isdecimal()):
            raise ValueError(f"{part!r} is no position")
        positions[Partition(topic, int(number))] = int(offset)
    return positions


def after(places: Iterable[At]) -> dict[Partition, int]:
    """The positions at which all of these records have been read."""
    positions: dict[Partition, int] = {}
    for place in places:
        positions[place.partition] = max(positions.get(place.partition, 0), place.offset + 1)
    return positions
