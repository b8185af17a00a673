"""What was not accepted, with its faults."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec

from chassis.db import Connection, Row, columns
from services.ingest.domain.entries import Entry, EntryFilter
from services.ingest.domain.faults import Fault

_read_faults = msgspec.json.Decoder(list[Fault]).decode


async def keep(conn: Connection, entries: Sequence[Entry]) -> dict[bytes, str]:
    """Put events into quarantine, each fingerprint once; returns the entry's id per fingerprint, new or old."""
    rows = [
        (
            e.quarantine_id,
            e.fingerprint,
            e.outcome,
            e.source,
            e.id,
            e.type,
            e.object_id,
            e.received_at,
            e.event,
            msgspec.json.encode(e.faults).decode(),
        )
        for e in sorted(entries, key=lambda e: e.fingerprint)
    ]
    await conn.execute(
        "insert into quarantine (quarantine_id, fingerprint, outcome, source, event_id, type, object_id, received_at,"
        " event, faults) select * from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[],"
        " $7::text[], $8::timestamptz[], $9::bytea[], $10::text[]) on conflict (fingerprint) do nothing",
        *columns(rows, 10),
    )
    found = await conn.fetch(
        "select fingerprint, quarantine_id from quarantine where fingerprint = any($1::bytea[])",
        [e.fingerprint for e in entries],
    )
    return {row["fingerprint"]: row["quarantine_id"] for row in found}


async def resolve(conn: Connection, sound: Iterable[tuple[str, str, str]], now: dt.datetime) -> None:
    """Resolve what waits in quarantine under the (source, id, object) of these events, or with no object known."""
    await conn.execute(
        "update quarantine set outcome = 'resolved', resolved_at = $4 where quarantine_id in ("
        " select quarantine_id from quarantine join unnest($1::text[], $2::text[], $3::text[])"
        " as sound(source, event_id, object_id) using (source, event_id)"
        " where outcome = 'quarantined'"
        " and (quarantine.object_id is null or quarantine.object_id = sound.object_id)"
        " order by quarantine_id for update of quarantine)",
        *columns(list(sound), 3),
        now,
    )


async def entries(conn: Connection, wanted: EntryFilter, limit: int) -> list[Entry]:
    """Entries of the quarantine, newest first."""
    rows = await conn.fetch(
        "select * from quarantine where ($1::text is null or outcome = $1) and ($2::text is null or source = $2)"
        " and ($3::text is null or type = $3) and ($4::text is null or quarantine_id < $4)"
        " and ($5::text is null or source = $5) order by quarantine_id desc limit $6",
        wanted.outcome,
        wanted.source,
        wanted.type,
        wanted.before,
        wanted.visible_source,
        limit,
    )
    return [_entry(row) for row in rows]


async def entry(conn: Connection, quarantine_id: str, visible_source: str | None) -> Entry | None:
    """One entry, if it is there and visible."""
    row = await conn.fetchrow(
        "select * from quarantine where quarantine_id = $1 and ($2::text is null or source = $2)",
        quarantine_id,
        visible_source,
    )
    return _entry(row) if row else None


def _entry(row: Row) -> Entry:
    return Entry(
        quarantine_id=row["quarantine_id"],
        fingerprint=row["fingerprint"],
        outcome=row["outcome"],
        source=row["source"],
        id=row["event_id"],
        type=row["type"],
        object_id=row["object_id"],
        received_at=row["received_at"],
        resolved_at=row["resolved_at"],
        event=row["event"],
        faults=tuple(_read_faults(row["faults"])),
    )


async def counts(conn: Connection) -> dict[str, int]:
    """How many entries are quarantined, in conflict and resolved."""
    rows = await conn.fetch("select outcome, count(*) as n from quarantine group by outcome")
    return {row["outcome"]: row["n"] for row in rows}


async def unexplained(conn: Connection) -> int:
    """How many entries were refused without a fault: there should be none."""
    return int(await conn.fetchval("select count(*) from quarantine where outcome <> 'conflict' and faults = '[]'"))
