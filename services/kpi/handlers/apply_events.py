"""A batch of a CRM's events becomes facts, slices and marks, in the transaction that moves the reader's position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct

from chassis.bus import Record
from chassis.db import Connection
from contracts.envelope import Envelope, content_hash, object_hash, pair_hash
from services.kpi.domain.facts import REASONS, reason_for
from services.kpi.domain.objects.object_kind import WAITING, ObjectKind, Standing
from services.kpi.domain.quality import Tallies, reps_of
from services.kpi.handlers.exchange import in_reporting_currency
from services.kpi.handlers.in_force import folded, in_force
from services.kpi.handlers.replace_facts import Replaced, changes, fold, take_keys
from services.kpi.store import directory, event_counts, histories, slots
from services.kpi.store.event_counts import Waiting
from services.kpi.store.histories import Conflicting, HistoryRow, Identity, ObjectKey, Repeated
from services.kpi.translate import read_event


class Arrival(Struct, frozen=True, gc=False):
    """An event as it lies on the log."""

    record: Record
    kind: ObjectKind[Any]
    event: Envelope
    data: Any
    object_id: str
    identity: Identity


class Touched(Struct):
    """An object that this batch changes: what is known of it before and after, and the rank of the reason to tell."""

    kind: ObjectKind[Any]
    object_id: str
    before: Any
    after: Any
    last: Record
    news: list[Arrival]
    rank: int = 0


async def apply_events(conn: Connection, records: Sequence[Record], zone: ZoneInfo) -> None:
    """Count every event of the batch once, for ever, and pass over types that are not read here. Raises Malformed."""
    arrivals = [arrival for record in records if (arrival := _arrival(record))]
    tallies = Tallies(zone)
    news = await _first_of_their_identity(conn, arrivals, tallies)
    if not news:
        await event_counts.add(conn, tallies.rows(), await slots.take(conn))
        return
    await directory.lock_shared(conn)
    slot = await slots.take(conn)
    touched = await _learn(conn, news, tallies)
    standing = [t.kind.stand(t.after) for t in touched]
    await _keep(conn, touched, standing)
    known = await in_force(conn)
    kept = await folded(conn, known)
    replaced = [_replaced(t, s) for t, s in zip(touched, standing, strict=True)]
    gone, fresh = changes(await in_reporting_currency(conn, known.currency, replaced))
    await fold(conn, gone, fresh, kept, slot)
    await _wait(conn, touched, standing, tallies)
    await event_counts.add(conn, tallies.rows(), slot)
    await take_keys(conn, gone, fresh, kept, known.shift)


def _arrival(record: Record) -> Arrival | None:
    if (read := read_event(record)) is None:
        return None
    kind, event, data = read
    object_id: str = getattr(data, kind.id_field)
    identity = pair_hash(event.source, event.id), object_hash(kind.name, object_id)
    return Arrival(record, kind, event, data, object_id, identity)


async def _first_of_their_identity(conn: Connection, arrivals: Iterable[Arrival], tallies: Tallies) -> list[Arrival]:
    """The events that count: the first in the log of each identity. Another content is kept as a conflict."""
    first: dict[Identity, Arrival] = {}
    later: list[Arrival] = []
    for arrival in arrivals:
        if first.setdefault(arrival.identity, arrival) is not arrival:
            later.append(arrival)
    contents = {i: content_hash(a.event) for i, a in first.items()}
    taken, held = await histories.claim(conn, contents)
    if repeated := [_repeated(a, contents[i]) for i, a in first.items() if i not in taken and i not in held]:
        beside, theirs = await histories.claim_beside(conn, repeated)
        taken, held = taken | beside, held | theirs
    if later or len(taken) < len(first):
        held |= {i: contents[i] for i in taken}
        suspects = later + [a for i, a in first.items() if i not in taken]
        conflicts = []
        for arrival in suspects:
            same = content_hash(arrival.event) == held[arrival.identity]
            tallies.refused(
                arrival.event, arrival.data, arrival.record.appended_at, "duplicate" if same else "conflict"
            )
            if not same:
                conflicts.append(_conflicting(arrival))
        await histories.keep_conflicts(conn, conflicts)
    return [a for i, a in first.items() if i in taken]


async def _learn(conn: Connection, news: Iterable[Arrival], tallies: Tallies) -> list[Touched]:
    """The objects that these events speak of, in order of their ids, each with what is known by now."""
    by_object: dict[ObjectKey, list[Arrival]] = {}
    for arrival in news:
        by_object.setdefault((arrival.kind.name, arrival.object_id), []).append(arrival)
    known = await histories.histories(conn, by_object)
    touched = []
    for key, some in by_object.items():
        kind = some[0].kind
        before = kind.unpack(known[key][1]) if key in known else None
        object_ = Touched(kind, key[1], before, before, some[-1].record, some)
        for arrival in some:
            object_.rank = max(object_.rank, _rank(arrival, object_.after is not None, tallies))
            object_.after = kind.learn(object_.after, arrival.event, arrival.data, tallies.zone)
        touched.append(object_)
    return sorted(touched, key=lambda t: (t.object_id, t.kind.name))


def _rank(arrival: Arrival, known: bool, tallies: Tallies) -> int:
    event, received_at = arrival.event, arrival.record.appended_at
    restates = arrival.kind.restates(event, known)
    ended_at = tallies.take(event, arrival.data, received_at, restates)
    reason = reason_for(
        imported=event.importid is not None, restates=restates, received_at=received_at, day_ended_at=ended_at
    )
    return REASONS.index(reason)


async def _wait(conn: Connection, touched: Iterable[Touched], standing: Iterable[Standing], tallies: Tallies) -> None:
    """List the events of objects that wait, and take those off the list that wait no more."""
    waiting: list[Waiting] = []
    settled: list[ObjectKey] = []
    for object_, stands in zip(touched, standing, strict=True):
        key = object_.kind.name, object_.object_id
        if stands.status == WAITING:
            waiting += [_waiting(key, arrival, tallies) for arrival in object_.news]
        elif object_.before is not None:
            settled.append(key)
    await event_counts.wait(conn, waiting)
    await event_counts.wait_no_more(conn, settled)


def _waiting(key: ObjectKey, arrival: Arrival, tallies: Tallies) -> Waiting:
    day = tallies.day(arrival.record.appended_at)
    stream = arrival.event.source, arrival.event.type
    return Waiting(key, arrival.identity[0], day, stream, reps_of(arrival.data))


def _replaced(touched: Touched, stands: Standing) -> Replaced:
    before = [] if touched.before is None else touched.kind.stand(touched.before).facts
    key = touched.kind.name, touched.object_id
    return Replaced(key, touched.last.partition.number, touched.rank, before, stands.facts)


async def _keep(conn: Connection, touched: Sequence[Touched], standing: Sequence[Standing]) -> None:
    new: list[HistoryRow] = []
    changed: list[HistoryRow] = []
    for object_, stands in zip(touched, standing, strict=True):
        (new if object_.before is None else changed).append(_row(object_, stands))
    if new:
        await histories.save_new(conn, new)
    if changed:
        await histories.save_changed(conn, changed)


def _row(touched: Touched, stands: Standing) -> HistoryRow:
    last = touched.last
    packed = touched.kind.pack(touched.after)
    return HistoryRow(
        touched.kind.name,
        touched.object_id,
        last.partition.number,
        stands.status,
        stands.excess,
        last.appended_at,
        packed,
    )


def _repeated(arrival: Arrival, content: bytes) -> Repeated:
    event = arrival.event
    received_at = arrival.record.appended_at
    return Repeated(
        arrival.identity, content, arrival.kind.name, arrival.object_id, event.source, event.id, received_at
    )


def _conflicting(arrival: Arrival) -> Conflicting:
    record, event = arrival.record, arrival.event
    return Conflicting(
        record.partition,
        record.offset,
        arrival.kind.name,
        arrival.object_id,
        event.source,
        event.id,
        record.appended_at,
    )
