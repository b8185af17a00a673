"""Taking events in: judge each, append the sound ones to the log, keep the others, and say which is which."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from msgspec import Struct

from chassis.bus import At, Bus, Outgoing, Partition, after, format_positions
from chassis.clock import Clock
from chassis.db import Database
from chassis.messaging import sending
from chassis.telemetry import current_traceparent
from contracts.envelope import STRUCTURED
from services.ingest.domain.door import Door
from services.ingest.domain.faults import Fault, NotAnEvent
from services.ingest.domain.judge import judge
from services.ingest.domain.judged import Judged, Mark
from services.ingest.domain.outcomes import First, Outcome, decide, settle
from services.ingest.handlers.custom_fields import CustomFields
from services.ingest.handlers.identities import Identities
from services.ingest.handlers.policies import Policies
from services.ingest.handlers.record import KEPT, SOUND, Recorder
from services.ingest.handlers.room import Gauge, ToKeep
from services.ingest.translate import Sent, under

JUDGED_PER_TURN = 50
"""After this many events other requests get their turn of the event loop."""


class NotValid(Exception):
    """Strict handling was asked for, and an event has a fault: nothing was stored. ``faults`` say which."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("not every event is valid, and strict handling was asked for; nothing was stored")
        self.faults = faults


class ForeignSource(Exception):
    """The caller may send events of its own source only; nothing was stored."""


class Result(Struct, frozen=True):
    """What became of one event. ``quarantine_id``: where a quarantined or conflicting one is kept."""

    event: Judged
    outcome: Outcome
    quarantine_id: str | None


@dataclass(frozen=True, slots=True)
class Receipt:
    """The answer to a request: ``position`` is where all of its accepted events and duplicates have been read."""

    position: str
    results: Sequence[Result]


@dataclass
class Intake:
    """The door. An accepted event is on the log before ``take`` returns."""

    database: Database
    bus: Bus
    clock: Clock
    zone: ZoneInfo
    identities: Identities
    policies: Policies
    custom_fields: CustomFields
    gauge: Gauge

    @property
    def recorder(self) -> Recorder:
        """Writes down what became of events here."""
        return Recorder(self.clock, self.zone)

    async def take(self, sent: Sent, sender: str, *, strict: bool, only_source: str | None = None) -> Receipt:
        """Take events in, in the order sent; ``sender`` is whose word it is.

        Raises NotAnEvent, TooDeep, NotValid (if ``strict``), ForeignSource and QuarantineFull with nothing stored;
        LogUnavailable and DatabaseUnavailable with any part of it stored: sending it all again is safe.
        """
        judged = await self._judge(sent)
        if only_source is not None and any(event.source != only_source for event in judged):
            raise ForeignSource(f"this caller sends events of the source {only_source} only")
        known, waiting = await self.identities.look(judged)
        decided = decide(judged, known)
        if strict and (faults := _faults(sent, judged, decided)):
            raise NotValid(faults)
        if to_keep := _to_keep(sent, judged, decided):
            await self.gauge.check(to_keep)
        ours = await self.append([e for e, outcome in zip(judged, decided, strict=True) if outcome == "accepted"])
        outcomes = settle(judged, decided, ours, await self.identities.remember(ours))
        kept: dict[bytes, str] = {}
        if len(ours) < len(judged) or outcomes != decided or (waiting and any(e.source in waiting for e in judged)):
            async with self.database.transaction() as conn:
                kept = await self.recorder.record(conn, judged, decided, outcomes, sender)
        return _receipt(judged, outcomes, kept, known | ours)

    async def door(self) -> Door:
        """What events are held to now."""
        now = self.clock.now()
        required = {name: policy.required for name, policy in (await self.policies.current()).items()}
        custom = await self.custom_fields.by_type()
        return Door(self.zone, now.astimezone(self.zone).date(), required, custom)

    async def _judge(self, sent: Sent) -> list[Judged]:
        door = await self.door()
        judged: list[Judged] = []
        refused: list[Fault] = []
        for index, raw in enumerate(sent.events):
            prefix = f"/{index}" if sent.batch else ""
            try:
                judged.append(judge(raw, door))
            except NotAnEvent as error:
                refused += under(prefix, error.faults)
            if index % JUDGED_PER_TURN == JUDGED_PER_TURN - 1:
                await asyncio.sleep(0)
        if refused:
            raise NotAnEvent(
                "not every event is a CloudEvents 1.0 event" if sent.batch else "no CloudEvents event", refused
            )
        return judged

    async def append(self, accepted: Sequence[Judged]) -> dict[bytes, First]:
        """Put sound events on the log; returns where each identity lies, once all are durable."""
        by_topic: dict[str, list[tuple[Mark, bytes, bytes]]] = defaultdict(list)
        for event in accepted:
            if event.mark and event.object_id:
                by_topic[event.topic].append((event.mark, event.object_id.encode(), event.raw))
        places: dict[bytes, First] = {}
        for topic, records in by_topic.items():
            with sending(topic, len(records)):
                headers = (("content-type", STRUCTURED.encode()), ("traceparent", current_traceparent().encode()))
                ats = await self.bus.append(topic, [Outgoing(key, value, headers) for _, key, value in records])
            for (mark, _, _), at in zip(records, ats, strict=True):
                places[mark.identity] = First(mark.content, topic, at.partition.number, at.offset)
        return places


def _receipt(
    judged: Sequence[Judged], outcomes: Sequence[Outcome], kept: Mapping[bytes, str], places: Mapping[bytes, First]
) -> Receipt:
    results = [
        Result(event, outcome, kept.get(event.fingerprint(outcome)) if outcome in KEPT else None)
        for event, outcome in zip(judged, outcomes, strict=True)
    ]
    marks = [result.event.mark for result in results if result.outcome in SOUND and result.event.mark]
    return Receipt(position_of(places[mark.identity] for mark in marks), results)


def _faults(sent: Sent, judged: Sequence[Judged], outcomes: Sequence[Outcome]) -> list[Fault]:
    """The faults of what would be quarantined, with pointers into the request's body."""
    return [
        fault
        for prefix, event, outcome in _to_keep(sent, judged, outcomes)
        if outcome == "quarantined"
        for fault in under(prefix, event.faults)
    ]


def _to_keep(sent: Sent, judged: Sequence[Judged], outcomes: Sequence[Outcome]) -> list[ToKeep]:
    """What would go into quarantine, with the pointer to each in the request's body."""
    return [
        (f"/{index}" if sent.batch else "", event, outcome)
        for index, (event, outcome) in enumerate(zip(judged, outcomes, strict=True))
        if outcome in KEPT
    ]


def position_of(places: Iterable[First]) -> str:
    """Where all of these events have been read: what was put on the log now, and what was there before."""
    highest: dict[tuple[str, int], int] = {}
    for first in places:
        at = first.topic, first.partition
        highest[at] = max(highest.get(at, 0), first.offset)
    return format_positions(after(At(Partition(*at), offset) for at, offset in highest.items()))
