"""Identities that are taken, conflicts, and what is known of each business object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from chassis.arrays import literals
from chassis.bus import Partition
from chassis.db import Connection, columns

ObjectKey = tuple[str, str]
"""A business object: its kind and its id."""
Identity = tuple[bytes, bytes]
"""What an accepted event holds for ever: the hash of its pair (source, id), and that of its object."""


class HistoryRow(NamedTuple):
    """An object's packed history with what is listed of it."""

    kind: str
    object_id: str
    partition: int
    status: str
    excess: Decimal
    received_at: dt.datetime
    packed: bytes


@dataclass(frozen=True, slots=True)
class Conflicting:
    """An event that was read from the log and not applied: its identity has another content."""

    partition: Partition
    offset: int
    object_kind: str
    object_id: str
    source: str
    id: str
    received_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Repeated:
    """An event whose (source, id) another object had first."""

    identity: Identity
    content: bytes
    object_kind: str
    object_id: str
    source: str
    id: str
    received_at: dt.datetime


async def any_known(conn: Connection) -> bool:
    """Whether any object is known."""
    found: bool = await conn.fetchval("select exists (select from object_history)")
    return found


async def claim(conn: Connection, contents: Mapping[Identity, bytes]) -> tuple[set[Identity], dict[Identity, bytes]]:
    """Take the identities that are free, each with its content.

    Returns those taken now, and the content that identities of before have. Of the others the pair belongs to another
    object: they are for ``claim_beside``.
    """
    first: dict[bytes, Identity] = {}
    for identity in contents:
        first.setdefault(identity[0], identity)
    asked = sorted(first.values())
    fresh = await conn.fetch(
        "insert into seen (pair, object, content)"
        " select * from unnest($1::bytea[], $2::bytea[], $3::bytea[]) on conflict do nothing returning pair",
        *columns([(*identity, contents[identity]) for identity in asked], 3),
    )
    taken = {first[r["pair"]] for r in fresh}
    if len(taken) == len(contents):
        return taken, {}
    others = sorted({pair for pair, _ in contents.keys() - taken})
    rows = await conn.fetch("select pair, object, content from seen where pair = any($1::bytea[])", others)
    return taken, {(r["pair"], r["object"]): r["content"] for r in rows}


async def claim_beside(conn: Connection, events: Sequence[Repeated]) -> tuple[set[Identity], dict[Identity, bytes]]:
    """Take and list identities whose pair belongs to another object. Returns what ``claim`` does."""
    fresh = await conn.fetch(
        "insert into repeated_id (pair, object, content, object_kind, object_id, source, id, received_at)"
        " select * from unnest($1::bytea[], $2::bytea[], $3::bytea[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::timestamptz[]) on conflict do nothing returning pair, object",
        *columns(
            [
                (*e.identity, e.content, e.object_kind, e.object_id, e.source, e.id, e.received_at)
                for e in sorted(events, key=lambda e: e.identity)
            ],
            8,
        ),
    )
    rows = await conn.fetch(
        "select pair, object, content from repeated_id join unnest($1::bytea[], $2::bytea[]) as k(pair, object)"
        " using (pair, object)",
        *columns([e.identity for e in events], 2),
    )
    taken = {(r["pair"], r["object"]) for r in fresh}
    return taken, {(r["pair"], r["object"]): r["content"] for r in rows}


async def keep_conflicts(conn: Connection, conflicts: Sequence[Conflicting]) -> None:
    """List events that were not applied."""
    await conn.executemany(
        "insert into conflict (topic, partition, record_offset, object_kind, object_id, source, id, received_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        [(*c.partition, c.offset, c.object_kind, c.object_id, c.source, c.id, c.received_at) for c in conflicts],
    )


async def histories(conn: Connection, objects: Iterable[ObjectKey]) -> dict[ObjectKey, tuple[int, bytes]]:
    """The partition of each of these objects, and what is known of it, packed; unknown ones are absent."""
    rows = await conn.fetch(
        "select kind, object_id, partition, packed from object_history"
        " join unnest($1::text::text[], $2::text::text[]) as o(kind, object_id) using (kind, object_id)",
        *literals(objects, 2),
    )
    return {(r["kind"], r["object_id"]): (r["partition"], r["packed"]) for r in rows}


async def save_new(conn: Connection, rows: Sequence[HistoryRow]) -> None:
    """Keep what is known of objects of which nothing was known."""
    await conn.copy_records_to_table("object_history", records=rows, columns=HistoryRow._fields)


async def save_changed(conn: Connection, rows: Sequence[HistoryRow]) -> None:
    """Replace what is known of these objects, given in order of their ids."""
    await conn.execute(
        "update object_history h set status = n.status, excess = n.excess, received_at = n.received_at,"
        " packed = n.packed from unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::numeric[],"
        " $5::text::timestamptz[], $6::bytea[]) as n(kind, object_id, status, excess, received_at, packed)"
        " where h.object_id = n.object_id and h.kind = n.kind",
        *literals([(r.kind, r.object_id, r.status, r.excess, r.received_at) for r in rows], 5),
        [r.packed for r in rows],
    )
