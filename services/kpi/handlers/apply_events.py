"""A batch of order events becomes facts, slices and marks, in the transaction that moves the reader's position."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from chassis.bus import Record
from chassis.db import Connection
from contracts import orders, sales
from contracts.envelope import Envelope, content_hash, identity_hash
from contracts.orders import Order, OrderHistory
from contracts.splits import total
from services.kpi.domain.definitions import Measure, measures
from services.kpi.domain.facts import REASONS, facts_of, reason_for
from services.kpi.store import definitions, directory, facts
from services.kpi.store.facts import Conflicting, HistoryRow
from services.kpi.translate import read_event


@dataclass(frozen=True, slots=True)
class Arrival:
    """An event as it lies on the log."""

    record: Record
    event: Envelope
    data: sales.OrderEvent

    @property
    def identity(self) -> bytes:
        return identity_hash(self.data.order_id, self.event.source, self.event.id)


@dataclass
class Touched:
    """An order that this batch changes."""

    history: OrderHistory | None
    last: Record
    rank: int = 0
    news: list[Arrival] = field(default_factory=list)


async def apply_events(conn: Connection, records: Sequence[Record], zone: ZoneInfo) -> None:
    """Count every event of the batch once, for ever, and pass over types that are not read here. Raises Malformed."""
    arrivals = [Arrival(record, *read) for record in records if (read := read_event(record))]
    news = await _first_of_their_identity(conn, arrivals)
    if not news:
        return
    await directory.lock_shared(conn)
    additive = await additive_measures(conn)
    touched = await _learn(conn, news, zone)
    known = [i for i, t in touched.items() if t.history is not None]
    standing = {i: _state(t, zone) for i, t in touched.items()}
    ranks = {i: t.rank for i, t in touched.items()}
    if known:
        await _retract(conn, additive, {i: ranks[i] for i in known})
    await facts.save_histories(conn, [_row(t, h, o) for i, t in touched.items() for h, o in [standing[i]]])
    rows = [(touched[i].last.partition.number, f) for i, (_, order) in standing.items() for f in facts_of(order)]
    await facts.insert_facts(conn, rows)
    await facts.fold(conn, additive, ranks, 1)
    if known:
        await facts.sweep(conn)


async def additive_measures(conn: Connection) -> list[Measure]:
    """The measures kept as slices: those of all definitions in force."""
    known = {k: p.definition for k, p in (await definitions.in_force(conn)).items()}
    found = {m.id: m for d in known.values() for m in measures(d, known) if m.additive}
    return [found[i] for i in sorted(found)]


async def _retract(conn: Connection, additive: Sequence[Measure], ranks: Mapping[str, int]) -> None:
    """Take what these orders gave so far out of the slices, and their facts away."""
    await facts.fold(conn, additive, ranks, -1)
    await facts.delete_facts(conn, list(ranks))


async def _first_of_their_identity(conn: Connection, arrivals: Iterable[Arrival]) -> list[Arrival]:
    """The events that count: the first in the log of each identity. Another content is kept as a conflict."""
    first: dict[bytes, Arrival] = {}
    later: list[Arrival] = []
    for arrival in arrivals:
        if first.setdefault(arrival.identity, arrival) is not arrival:
            later.append(arrival)
    contents = {i: content_hash(a.event) for i, a in first.items()}
    taken, held = await facts.claim(conn, contents)
    held |= {i: contents[i] for i in taken}
    suspects = later + [a for i, a in first.items() if i not in taken]
    conflicts = [_conflicting(a) for a in suspects if content_hash(a.event) != held[a.identity]]
    await facts.keep_conflicts(conn, conflicts)
    return [a for i, a in first.items() if i in taken]


async def _learn(conn: Connection, news: Iterable[Arrival], zone: ZoneInfo) -> dict[str, Touched]:
    news = list(news)
    known = await facts.histories(conn, sorted({a.data.order_id for a in news}))
    touched: dict[str, Touched] = {}
    for arrival in news:
        order_id = arrival.data.order_id
        order = touched.setdefault(order_id, Touched(known.get(order_id), arrival.record))
        order.last = arrival.record
        order.rank = max(order.rank, _rank(arrival, zone))
        order.news.append(arrival)
    return dict(sorted(touched.items()))


def _state(touched: Touched, zone: ZoneInfo) -> tuple[OrderHistory, Order]:
    history = touched.history
    for arrival in touched.news:
        history = orders.learn(history, arrival.event, arrival.data, zone)
    assert history is not None
    return history, orders.standing(history)


def _rank(arrival: Arrival, zone: ZoneInfo) -> int:
    event, data = arrival.event, arrival.data
    assert event.time
    day = orders.local_day(event.time, data.business_date, zone)
    reason = reason_for(
        imported=event.importid is not None,
        restates=isinstance(data, sales.OrderAmended | sales.OrderCancelled),
        received_at=arrival.record.appended_at,
        day_ended_at=dt.datetime.combine(day + dt.timedelta(days=1), dt.time.min, zone),
    )
    return REASONS.index(reason)


def _row(touched: Touched, history: OrderHistory, order: Order) -> HistoryRow:
    last, excess = touched.last, total(r.excess for r in order.refunds)
    shown = excess if order.status == "standing" else Decimal(0)
    return HistoryRow(last.partition.number, history, order.status, shown, last.appended_at)


def _conflicting(arrival: Arrival) -> Conflicting:
    record, event = arrival.record, arrival.event
    return Conflicting(
        record.partition, record.offset, arrival.data.order_id, event.source, event.id, record.appended_at
    )
