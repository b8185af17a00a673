"""Is every value what the accepted events make it? Recompute from the log, and compare with what is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from chassis import inbox
from chassis.bus import At, Bus, Partition, Record
from chassis.checks import Check
from chassis.db import Connection
from contracts.envelope import Envelope, content_hash
from services.kpi.domain.errors import Malformed
from services.kpi.domain.exchange import Place, converted, places
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.facts import Fact
from services.kpi.domain.objects import OBJECT_KINDS
from services.kpi.domain.objects.object_kind import ObjectKind
from services.kpi.domain.quality import Said, Tallies
from services.kpi.domain.spans import spans
from services.kpi.handlers.in_force import folded, in_force
from services.kpi.store import conversions, directory, verification
from services.kpi.store.histories import ObjectKey
from services.kpi.translate import read_event

CHUNK_RECORDS = 2_000


async def verify(conn: Connection, bus: Bus, zone: ZoneInfo) -> list[Check]:
    """Every check of this service. ``conn`` must be one repeatable-read snapshot."""
    known = await in_force(conn)
    checks = await _facts_equal_log(conn, bus, zone, known.currency)
    lasting, made = await directory.spans(conn), spans((await directory.people(conn)).values())
    checks.append(_check("spans equal the directory's memberships", len(made), sorted(lasting ^ made)))
    kept = await folded(conn, known)
    for measure in (m for measures in kept.slices.values() for m in measures):
        examined, wrong = await verification.slices_that_differ(conn, measure)
        checks.append(_check(f"slices of measure {measure.id} equal their recomputation", examined, wrong))
    for keys in kept.keys.values():
        examined, wrong = await verification.keys_that_differ(conn, keys, known.shift)
        checks.append(_check(f"key set {keys.key_set.id} equals its recomputation", examined, wrong))
    return checks


async def _facts_equal_log(conn: Connection, bus: Bus, zone: ZoneInfo, currency: str) -> list[Check]:
    """Promise 2: fold every accepted event of the log anew, up to where this service has read it.

    What is in another currency is at the rates that its conversions say, and those are held against the rates in force.
    """
    objects, facts, valued, counts, tallies = _Compared(), _Compared(), _Compared(), _Compared(), Tallies(zone)
    kept_at = await conversions.all_of_them(conn)
    needed: dict[ObjectKey, frozenset[Place]] = {}
    for partition, until in sorted((await inbox.positions(conn)).items()):
        kinds = [k for k in OBJECT_KINDS.values() if k.topic == partition.topic]
        folded = await _fold(bus, partition, until, tallies) if kinds else {}
        for kind in kinds:
            packed = await verification.histories_of_partition(conn, kind.name, partition.number)
            kept = {key: kind.unpack(known) for key, known in packed.items()}
            made = {key: kind.unpack(kind.pack(known)) for key, known in folded.items() if key[0] == kind.name}
            objects.compare(made, kept)
        told = {key: OBJECT_KINDS[key[0]].stand(known).facts for key, known in folded.items()}
        needed |= {key: found for key, some in told.items() if (found := places(some, currency))}
        standing = [f for key, some in told.items() for f in converted(some, currency, kept_at.get(key, {}))]
        for over in (o for o, fact in FACT_KINDS.items() if OBJECT_KINDS[fact.objects[0]] in kinds):
            stored = await verification.facts_of_partition(conn, over, partition.number)
            facts.compare({_key(f): f for f in standing if f.kind == over}, {_key(f): f for f in stored})
    valued.compare(needed, {key: frozenset(rates) for key, rates in kept_at.items()})
    counts.compare(tallies.rows(), await verification.event_counts(conn))
    return [
        _check("histories equal the accepted events of the log", objects.examined, objects.wrong),
        _check("facts equal the accepted events of the log", facts.examined, facts.wrong),
        _check("conversions equal the accepted events of the log", valued.examined, valued.wrong),
        _check("conversions are at the rates in force", *await conversions.at_other_rates(conn)),
        _check("counts of events equal a recount of the log", counts.examined, counts.wrong),
    ]


@dataclass
class _Compared:
    """How much was compared, and what differed."""

    examined: int = 0
    wrong: list[str] = field(default_factory=list)

    def compare(self, made: Mapping[Any, object], kept: Mapping[Any, object]) -> None:
        self.examined += len(made)
        self.wrong += [str(key) for key in sorted(made.keys() | kept.keys()) if made.get(key) != kept.get(key)]


async def _fold(bus: Bus, partition: Partition, until: int, tallies: Tallies) -> dict[ObjectKey, Any]:
    """The histories of a partition's objects; every record is counted besides, for what it is."""
    histories: dict[ObjectKey, Any] = {}
    seen: dict[tuple[ObjectKey, str, str], bytes] = {}
    offset = 0
    while offset < until:
        records = [r for r in await bus.read(At(partition, offset), CHUNK_RECORDS) if r.offset < until]
        if not records:
            break
        for record in records:
            if (read := _read(record)) is None:
                continue
            kind, event, data = read
            key = kind.name, getattr(data, kind.id_field)
            identity = key, event.source, event.id
            try:
                content = content_hash(event)
                if identity in seen:
                    said: Said = "duplicate" if seen[identity] == content else "conflict"
                    tallies.refused(event, data, record.appended_at, said)
                    continue
                learnt = kind.learn(histories.get(key), event, data, tallies.zone)
                tallies.take(event, data, record.appended_at, kind.restates(event, key in histories))
            except (ValueError, ArithmeticError):  # no day or no instant of the calendar: a dead letter as well
                continue
            seen[identity], histories[key] = content, learnt
        offset = records[-1].offset + 1
    return histories


def _read(record: Record) -> tuple[ObjectKind[Any], Envelope, Any] | None:
    """What the record counts as; nothing if it is kept as a dead letter."""
    try:
        return read_event(record)
    except Malformed:
        return None


def _key(fact: Fact) -> tuple[str, str, str, int]:
    return fact.kind, fact.object_id, fact.entry, fact.line


def _check(name: str, examined: int, wrong: Sequence[object]) -> Check:
    detail = f"{len(wrong)} differ, the first: {wrong[0]}" if wrong else "equal"
    return Check(name, not wrong, examined, detail)
