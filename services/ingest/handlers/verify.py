"""Promise 1 on the live system: every event that this door accepted lies on the log where it says, unchanged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from chassis.bus import At, Bus, Record
from chassis.checks import Check
from chassis.db import Database
from contracts import envelope
from contracts.topics import CRM_TOPICS, Topic
from services.ingest.domain.outcomes import First
from services.ingest.store import quarantine, seen

CHUNK_RECORDS = 1_000
TOLD = ("quarantined", "conflict", "resolved", "discarded")


@dataclass(frozen=True, slots=True)
class _Walked:
    """What was met on the log: records, those that are an accepted event at its place, and those that differ."""

    records: int = 0
    at_place: int = 0
    differing: int = 0

    def __add__(self, other: _Walked) -> _Walked:
        return _Walked(self.records + other.records, self.at_place + other.at_place, self.differing + other.differing)


@dataclass(frozen=True)
class Verification:
    """Walks the whole log in chunks; nothing is held but one chunk."""

    database: Database
    bus: Bus

    async def events(self) -> list[Check]:
        """Whether each accepted event is on the log at its place with its content, and the counts per outcome."""
        async with self.database.transaction(readonly=True) as conn:
            accepted = await seen.count(conn)  # before the walk: what is accepted meanwhile is met as well
            counts = await quarantine.counts(conn)
            unexplained = await quarantine.unexplained(conn)
        walked = _Walked()
        for topic in CRM_TOPICS:
            walked += await self._walk(topic)
        ok = walked.at_place >= accepted and not walked.differing
        missing = max(accepted - walked.at_place, 0)
        return [
            Check(
                "every accepted event is on the log, unchanged",
                ok,
                walked.records,
                f"{accepted} accepted, {missing} missing, {walked.differing} differing",
            ),
            Check(
                "every event that was refused is kept with its reasons",
                not unexplained,
                sum(counts.values()),
                ", ".join(f"{counts.get(outcome, 0)} {outcome}" for outcome in TOLD)
                + f"; {unexplained} without a reason",
            ),
        ]

    async def _walk(self, topic: Topic) -> _Walked:
        walked = _Walked()
        for partition, end in sorted((await self.bus.ends(topic.name)).items()):
            offset = 0
            while offset < end and (records := await self.bus.read(At(partition, offset), CHUNK_RECORDS)):
                walked += await self._compare(records)
                offset = records[-1].offset + 1
        return walked

    async def _compare(self, records: Sequence[Record]) -> _Walked:
        read = [(record, *_identify(record)) for record in records]
        async with self.database.transaction(readonly=True) as conn:
            firsts = await seen.firsts(conn, {identity for _, identity, _ in read})
        walked = _Walked(records=len(records))
        for record, identity, content in read:
            first = firsts.get(identity)
            if first is not None and _place(first) == (record.partition.topic, record.partition.number, record.offset):
                same = first.content == content
                walked += _Walked(at_place=int(same), differing=int(not same))
        return walked


def _place(first: First) -> tuple[str, int, int]:
    return first.topic, first.partition, first.offset


def _identify(record: Record) -> tuple[bytes, bytes]:
    """Identity and content of a record; of one that is no event, hashes that equal nothing."""
    try:
        event = envelope.decode(record.value)
        return envelope.identity_hash(record.key.decode(), event.source, event.id), envelope.content_hash(event)
    except (msgspec.MsgspecError, ValueError):
        return b"", b""
