"""Identities, order histories, facts, and the slices that are kept of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import msgspec

from chassis.bus import Partition
from chassis.db import Connection, columns
from chassis.telemetry import current_traceparent
from contracts import orders
from contracts.orders import OrderHistory
from services.kpi.domain.definitions import Measure
from services.kpi.domain.facts import Fact
from services.kpi.domain.sql import SUBJECTS, Params, contributions


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """An order's history with what is listed of it."""

    partition: int
    history: OrderHistory
    status: str
    refund_excess: Decimal
    received_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Conflicting:
    """An event that was read from the log and not applied: its identity has another content."""

    partition: Partition
    offset: int
    object_id: str
    source: str
    id: str
    received_at: dt.datetime


async def claim(conn: Connection, identities: Mapping[bytes, bytes]) -> tuple[set[bytes], dict[bytes, bytes]]:
    """Take the identities that are free. Returns those taken now, and the content that each of the others has."""
    asked = sorted(identities)
    fresh = await conn.fetch(
        "insert into seen (identity, content) select * from unnest($1::bytea[], $2::bytea[])"
        " on conflict do nothing returning identity",
        asked,
        [identities[i] for i in asked],
    )
    taken = {r["identity"] for r in fresh}
    others = [i for i in asked if i not in taken]
    rows = await conn.fetch("select identity, content from seen where identity = any($1::bytea[])", others)
    return taken, {r["identity"]: r["content"] for r in rows}


async def keep_conflicts(conn: Connection, conflicts: Sequence[Conflicting]) -> None:
    """List events that were not applied."""
    await conn.executemany(
        "insert into conflict (topic, partition, record_offset, object_id, source, id, received_at)"
        " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        [
            (c.partition.topic, c.partition.number, c.offset, c.object_id, c.source, c.id, c.received_at)
            for c in conflicts
        ],
    )


async def histories(conn: Connection, order_ids: Sequence[str]) -> dict[str, OrderHistory]:
    """What is known of these orders; unknown ones are absent."""
    rows = await conn.fetch("select order_id, packed from order_history where order_id = any($1::text[])", order_ids)
    return {r["order_id"]: orders.unpack(r["packed"]) for r in rows}


async def save_histories(conn: Connection, rows: Sequence[HistoryRow]) -> None:
    """Replace what is known of these orders."""
    await conn.execute(
        "insert into order_history (order_id, partition, packed, status, refund_excess, received_at)"
        " select * from unnest($1::text[], $2::int[], $3::bytea[], $4::text[], $5::numeric[], $6::timestamptz[])"
        " on conflict (order_id) do update set packed = excluded.packed, status = excluded.status,"
        " refund_excess = excluded.refund_excess, received_at = excluded.received_at",
        *columns(
            [
                (r.history.order_id, r.partition, orders.pack(r.history), r.status, r.refund_excess, r.received_at)
                for r in sorted(rows, key=lambda r: r.history.order_id)
            ],
            6,
        ),
    )


async def delete_facts(conn: Connection, order_ids: Sequence[str]) -> None:
    """Take these orders' facts away."""
    await conn.execute("delete from order_fact where order_id = any($1::text[])", order_ids)


async def insert_facts(conn: Connection, facts: Sequence[tuple[int, Fact]]) -> None:
    """Add facts, each with the partition that its order lies in."""
    rows = [
        (
            *(f.order_id, f.entry, f.line, partition, f.is_order, f.rep_id, f.day, f.order_day, f.amount),
            *(f.customer_id, f.territory, f.currency, msgspec.json.encode(f.attributes).decode()),
        )
        for partition, f in facts
    ]
    await conn.execute(
        "insert into order_fact (order_id, entry, line, partition, is_order, rep_id, day, order_day, amount,"
        " customer_id, territory, currency, attributes)"
        " select a, b, c, d, e, f, g, h, i, j, k, l, m::jsonb from unnest($1::text[], $2::text[], $3::int[],"
        " $4::int[], $5::bool[], $6::text[], $7::date[], $8::date[], $9::numeric[], $10::text[], $11::text[],"
        " $12::text[], $13::text[]) as x(a, b, c, d, e, f, g, h, i, j, k, l, m)",
        *columns(rows, 13),
    )


async def fold(conn: Connection, measures: Sequence[Measure], ranks: Mapping[str, int], sign: int) -> None:
    """Add (sign 1) or take away (sign -1) what these orders' present facts give to the slices, and mark what changed.

    ``ranks``: per order the rank of the reason to tell.
    """
    params = Params([list(ranks), list(ranks.values())])
    source = "unnest($1::text[], $2::int[]) as t(order_id, reason) join order_fact f using (order_id)"
    delta = contributions(measures, params, source, "t.reason")
    cause = params.add(current_traceparent(), "text")
    marks = (
        "insert into changed (kind, subject, day, reason, traceparent)"
        f" select kind, subject, day, max(reason), {cause} from delta group by 1, 2, 3"
    )
    await conn.execute(f"with delta as ({delta}), marks as ({marks}) {_into_slices(measures, params, sign)}", *params)


async def fold_everything(conn: Connection, measure: Measure) -> None:
    """Make a new measure's slices from all facts."""
    params = Params()
    await conn.execute("delete from slice where measure_id = $1", measure.id)
    delta = contributions([measure], params)
    await conn.execute(f"with delta as ({delta}) {_into_slices([measure], params, 1)}", *params)


def _into_slices(measures: Sequence[Measure], params: Params, sign: int) -> str:
    factor = params.add(sign, "int")
    each = ", ".join(f"({params.add(m.id, 'text')}, v{i}, n{i})" for i, m in enumerate(measures))
    each = each or "(null, null::numeric, 0)"  # no measure is in force: nothing to keep
    return (
        "insert into slice as s (measure_id, kind, subject, day, partition, value, facts)"
        f" select m.id, kind, subject, day, partition, m.value * {factor}, m.facts * {factor}"
        f" from delta cross join lateral (values {each}) as m(id, value, facts) where m.facts > 0"
        " on conflict (measure_id, kind, subject, day, partition)"
        " do update set value = s.value + excluded.value, facts = s.facts + excluded.facts"
    )


async def sweep(conn: Connection) -> None:
    """Remove slices that no fact stands behind any more, so that what is kept equals what would be recomputed."""
    await conn.execute("delete from slice where facts = 0")


async def mark_everything(conn: Connection, reason: int) -> None:
    """Mark every subject and day that has a fact: after a change of meaning."""
    await conn.execute(
        "insert into changed (kind, subject, day, reason, traceparent)"
        f" select distinct s.kind, s.subject, f.day, $1::int, $2 from order_fact f cross join {SUBJECTS}",
        reason,
        current_traceparent(),
    )


async def drop_measures(conn: Connection, kept: Sequence[str]) -> None:
    """Remove the slices of measures that no definition in force uses."""
    await conn.execute("delete from slice where measure_id <> all($1::text[])", list(kept))
