"""Counts of events, added to in the transaction that moves the reader's position; the door's, and who waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import msgspec

from chassis.db import Connection, columns
from contracts.quality import DoorCount
from services.kpi.domain.quality import ENTRY_HOURS, EVERYBODY, Place, Tally
from services.kpi.store.histories import ObjectKey

Stream = tuple[str, str]
"""A source and an event type."""
ENTERED = tuple(f"entered_{bucket}" for bucket in range(len(ENTRY_HOURS) + 1))
_SPARSE = ("duplicate", "conflict", "imported", "late", "corrections", "entry_seconds", *ENTERED)
"""Sums in which zero is null."""
_COLUMNS = ("rep_id", "day", "stream_id", "slot", "accepted", *_SPARSE, "entry_seconds_max", "missing")
_TYPES = ("text", "date", "int", "int", "int", *("bigint" for _ in _SPARSE), "bigint", "text")
_MISSING = (
    "(select jsonb_object_agg(name, times) from (select name, sum(number::bigint) as times from"
    " (select * from jsonb_each_text(c.missing) union all select * from jsonb_each_text(excluded.missing))"
    " as one(name, number) group by name) as merged)"
)
DOOR = ("duplicate", "quarantined", "conflict", "resolved", "discarded")


class Waiting(NamedTuple):
    """An event of an object that does not stand yet."""

    object_: ObjectKey
    pair: bytes
    day: dt.date
    stream: Stream
    rep_ids: Sequence[str]


async def add(conn: Connection, rows: Mapping[Place, Tally], slot: int) -> None:
    """Add to the counts, given in the order of places. ``slot``: see store.slots."""
    if not rows:
        return
    ids = await streams(conn, {(place.source, place.type) for place in rows})
    values = [_row(place, tally, ids[place.source, place.type], slot) for place, tally in rows.items()]
    picked = ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(_TYPES, 1))
    sums = ", ".join(f"{name} = nullif(coalesce(c.{name}, 0) + coalesce(excluded.{name}, 0), 0)" for name in _SPARSE)
    await conn.execute(
        f"insert into event_count as c ({', '.join(_COLUMNS)})"
        f" select {', '.join(_COLUMNS[:-1])}, missing::jsonb from unnest({picked}) as x({', '.join(_COLUMNS)})"
        f" on conflict (rep_id, day, stream_id, slot) do update set accepted = c.accepted + excluded.accepted, {sums},"
        f" entry_seconds_max = greatest(c.entry_seconds_max, excluded.entry_seconds_max), missing = {_MISSING}",
        *columns(sorted(values), len(_COLUMNS)),
    )


def _row(place: Place, tally: Tally, stream_id: int, slot: int) -> tuple[object, ...]:
    entered = [tally.entered[bucket] for bucket in range(len(ENTERED))]
    sparse = (tally.duplicate, tally.conflict, tally.imported, tally.late, tally.corrections, tally.entry_seconds)
    return (
        *(place.rep_id, place.day, stream_id, slot, tally.accepted, *(n or None for n in (*sparse, *entered))),
        tally.entry_seconds_max or None,
        msgspec.json.encode(tally.missing).decode() if tally.missing else None,
    )


async def streams(conn: Connection, wanted: Collection[Stream]) -> dict[Stream, int]:
    """The number of each stream, old or new."""
    asked = columns(sorted(wanted), 2)
    query = (
        "select stream_id, source, type from event_stream"
        " where (source, type) in (select * from unnest($1::text[], $2::text[]))"
    )
    found = {(row["source"], row["type"]): row["stream_id"] for row in await conn.fetch(query, *asked)}
    if len(found) == len(wanted):
        return found
    await conn.execute(
        "insert into event_stream (source, type) select * from unnest($1::text[], $2::text[]) on conflict do nothing",
        *columns(sorted(set(wanted) - found.keys()), 2),
    )
    return {(row["source"], row["type"]): row["stream_id"] for row in await conn.fetch(query, *asked)}


async def wait(conn: Connection, events: Sequence[Waiting]) -> None:
    """List events that wait for what their objects begin with."""
    if not events:
        return
    ids = await streams(conn, {event.stream for event in events})
    await conn.executemany(
        "insert into waiting_event (object_kind, object_id, pair, day, stream_id, rep_ids)"
        " values ($1, $2, $3, $4, $5, $6) on conflict do nothing",
        [(*e.object_, e.pair, e.day, ids[e.stream], list(e.rep_ids)) for e in events],
    )


async def wait_no_more(conn: Connection, objects: Sequence[ObjectKey]) -> None:
    """These objects stand now: whatever waited for that waits no more."""
    if objects:
        await conn.execute(
            "delete from waiting_event where (object_kind, object_id) in"
            " (select * from unnest($1::text[], $2::text[]))",
            *columns(sorted(objects), 2),
        )


async def save_door(conn: Connection, counts: Sequence[DoorCount]) -> None:
    """Take over totals of the door. They never shrink, so that neither order nor repetition matters."""
    rows: dict[tuple[object, ...], tuple[int, ...]] = {}
    for count in counts:
        place = count.rep_id or EVERYBODY, count.day, count.source, count.type
        totals = tuple(getattr(count, name) for name in DOOR)
        rows[place] = tuple(map(max, totals, rows.get(place, totals)))
    await conn.execute(
        f"insert into door_count as d (rep_id, day, source, type, {', '.join(DOOR)})"
        " select * from unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::bigint[], $6::bigint[],"
        " $7::bigint[], $8::bigint[], $9::bigint[]) on conflict (rep_id, day, source, type) do update set "
        + ", ".join(f"{name} = greatest(d.{name}, excluded.{name})" for name in DOOR),
        *columns([(*place, *totals) for place, totals in sorted(rows.items())], 4 + len(DOOR)),
    )
