"""What was not accepted, with its faults: kept, found, and resolved by what is sent."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from chassis.db import Connection, Row, columns
from services.ingest.domain.entries import Entry, EntryFilter, fault_words
from services.ingest.domain.faults import Fault
from services.ingest.domain.room import Load

_read_faults = msgspec.json.Decoder(list[Fault]).decode


def faults_text(faults: Sequence[Fault]) -> str:
    """Faults as a column holds them."""
    return msgspec.json.encode(faults).decode()


def read_faults(text: str) -> tuple[Fault, ...]:
    """Faults as a column holds them."""
    return tuple(_read_faults(text))


async def keep(conn: Connection, entries: Sequence[Entry]) -> set[bytes]:
    """Put events into quarantine, each fingerprint once; returns the fingerprints that were not there before."""
    rows = [
        (
            *(e.quarantine_id, e.fingerprint, e.outcome, e.source, e.id, e.type, e.object_id, e.received_at, e.event),
            *(faults_text(e.faults), _json(fault_words(e.faults)), _json(e.reps)),
        )
        for e in sorted(entries, key=lambda e: e.fingerprint)
    ]
    fresh = await conn.fetch(
        "insert into quarantine (quarantine_id, fingerprint, outcome, source, event_id, type, object_id, received_at,"
        " event, faults, faults_as_sent, fault_words, rep_ids, state, revision, submitted)"
        " select i, f, o, s, e, t, b, r, v, x, x, array(select jsonb_array_elements_text(w::jsonb)),"
        " array(select jsonb_array_elements_text(p::jsonb)), 'open', 1, false"
        " from unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::timestamptz[], $9::bytea[], $10::text[], $11::text[], $12::text[])"
        " as k(i, f, o, s, e, t, b, r, v, x, w, p) on conflict (fingerprint) do nothing returning fingerprint",
        *columns(rows, 12),
    )
    return {row["fingerprint"] for row in fresh}


def _json(words: Sequence[str]) -> str:
    """Lists of lists cannot be unnested: each goes as JSON."""
    return msgspec.json.encode(words).decode()


async def kept(conn: Connection, fingerprints: Collection[bytes]) -> dict[bytes, str]:
    """The entry's id of each fingerprint that is kept here."""
    found = await conn.fetch(
        "select fingerprint, quarantine_id from quarantine where fingerprint = any($1::bytea[])", list(fingerprints)
    )
    return {row["fingerprint"]: row["quarantine_id"] for row in found}


async def waiting(conn: Connection, sources: Collection[str]) -> set[str]:
    """Those of these sources of which anything is open."""
    rows = await conn.fetch(
        "select source from unnest($1::text[]) as asked(source) cross join lateral"
        " (select from quarantine where quarantine.source = asked.source and state = 'open' limit 1) as found",
        list(sources),
    )
    return {row["source"] for row in rows}


Closed = tuple[str, str, Sequence[str]]
"""Of an entry that was closed: source, type and reps."""


async def resolve(
    conn: Connection, sound: Iterable[tuple[str, str, str]], actor: str, now: dt.datetime
) -> list[Closed]:
    """Resolve what waits in quarantine under the (source, id, object) of these events, or with no object known."""
    rows = await conn.fetch(
        "with waiting as ("
        " select quarantine_id from quarantine join unnest($1::text[], $2::text[], $3::text[])"
        " as sound(source, event_id, object_id) using (source, event_id)"
        " where outcome = 'quarantined' and state = 'open'"
        " and (quarantine.object_id is null or quarantine.object_id = sound.object_id)"
        " order by quarantine_id for update of quarantine"
        "), closed as ("
        " update quarantine set state = 'resolved', closed_at = $4, revision = revision + 1, submitted = false"
        " where quarantine_id in (select quarantine_id from waiting)"
        " returning quarantine_id, revision, faults, source, type, rep_ids"
        "), told as ("
        " insert into quarantine_edit (quarantine_id, revision, at, actor, action, state, faults_before, faults_after)"
        " select quarantine_id, revision, $4, $5, 'superseded', 'resolved', faults, faults from closed)"
        " select source, type, rep_ids from closed",
        *columns(list(sound), 3),
        now,
        actor,
    )
    return [(row["source"], row["type"], row["rep_ids"]) for row in rows]


_FILTER = (
    "($1::text is null or outcome = $1) and ($2::text is null or state = $2) and ($3::text is null or source = $3)"
    " and ($4::text is null or event_id = $4) and ($5::text is null or type = $5)"
    " and ($6::text is null or object_id = $6) and ($7::text is null or fault_words @> array[$7])"
    " and ($8::timestamptz is null or received_at >= $8) and ($9::timestamptz is null or received_at < $9)"
    " and ($10::text is null or source = $10)"
)


def _filter(wanted: EntryFilter) -> tuple[object, ...]:
    return (
        *(wanted.outcome, wanted.state, wanted.source, wanted.id, wanted.type, wanted.object_id, wanted.word),
        *(wanted.received_from, wanted.received_to, wanted.visible_source),
    )


async def newest(conn: Connection, wanted: EntryFilter, before: str | None, limit: int) -> list[Entry]:
    """Entries, the newest first, from a cursor on; without their events."""
    rows = await conn.fetch(
        f"select {_LISTED} from quarantine where {_FILTER} and ($11::text is null or quarantine_id < $11)"
        " order by quarantine_id desc limit $12",
        *_filter(wanted),
        before,
        limit,
    )
    return [_entry(row) for row in rows]


async def oldest(conn: Connection, wanted: EntryFilter, after: str, limit: int) -> list[str]:
    """Ids of entries, the oldest first, behind one."""
    rows = await conn.fetch(
        f"select quarantine_id from quarantine where {_FILTER} and quarantine_id > $11"
        " order by quarantine_id limit $12",
        *_filter(wanted),
        after,
        limit,
    )
    return [row["quarantine_id"] for row in rows]


async def found(
    conn: Connection, ids: Sequence[str], visible_source: str | None, lock: bool = False
) -> dict[str, Entry]:
    """Those of these entries that are there and visible; ``lock``: nobody else changes them in this transaction."""
    rows = await conn.fetch(
        "select * from quarantine where quarantine_id = any($1::text[]) and ($2::text is null or source = $2)"
        " order by quarantine_id" + (" for update" if lock else ""),
        list(ids),
        visible_source,
    )
    return {row["quarantine_id"]: _entry(row) for row in rows}


_COLUMNS = (
    "quarantine_id, fingerprint, outcome, state, revision, submitted, source, event_id, type, object_id, received_at,"
    " closed_at, faults, faults_as_sent, rep_ids"
)
_LISTED = f"{_COLUMNS}, ''::bytea as event, null::bytea as correction"


def _entry(row: Row) -> Entry:
    return Entry(
        **{name: row[name] for name in _SAME},
        id=row["event_id"],
        faults=read_faults(row["faults"]),
        faults_as_sent=read_faults(row["faults_as_sent"]),
        reps=tuple(row["rep_ids"]),
    )


_SAME = (
    *("quarantine_id", "fingerprint", "outcome", "state", "revision", "submitted", "source", "type", "object_id"),
    *("received_at", "closed_at", "event", "correction"),
)


async def load(conn: Connection) -> Mapping[str, Load]:
    """How much is open, per source."""
    rows = await conn.fetch(
        "select source, count(*) as entries, sum(octet_length(event) + coalesce(octet_length(correction), 0)) as bytes"
        " from quarantine where state = 'open' group by source"
    )
    return {row["source"]: Load(row["entries"], int(row["bytes"])) for row in rows}


async def counts(conn: Connection) -> dict[str, int]:
    """How many entries are open by their outcome (quarantined, conflict), and how many resolved and discarded."""
    rows = await conn.fetch(
        "select case state when 'open' then outcome else state end as told, count(*) as n from quarantine group by 1"
    )
    return {row["told"]: row["n"] for row in rows}


async def unexplained(conn: Connection) -> int:
    """How many entries were refused without a fault: there should be none."""
    return int(
        await conn.fetchval(
            "select count(*) from quarantine where outcome <> 'conflict' and state <> 'resolved' and faults = '[]'"
            " and not submitted"
        )
    )
