"""What is done about entries of the quarantine, and the history of it, which only grows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from chassis.db import Connection, Row, columns
from services.ingest.domain.entries import Edit, Entry, fault_words
from services.ingest.store.quarantine import faults_text, read_faults

Place = tuple[dt.datetime, str, int]
"""Where a line stands among all lines: when, entry, revision."""


async def save(conn: Connection, edited: Sequence[tuple[Entry, Edit]]) -> None:
    """Write entries that are locked, and the lines of their histories."""
    await conn.executemany(
        "update quarantine set outcome = $2, state = $3, revision = $4, submitted = $5, source = $6, event_id = $7,"
        " type = $8, object_id = $9, closed_at = $10, correction = $11, faults = $12, fault_words = $13,"
        " rep_ids = $14"
        " where quarantine_id = $1",
        [
            (
                *(e.quarantine_id, e.outcome, e.state, e.revision, e.submitted, e.source, e.id, e.type, e.object_id),
                *(e.closed_at, e.correction, faults_text(e.faults), fault_words(e.faults), list(e.reps)),
            )
            for e, _ in edited
        ],
    )
    await conn.execute(
        "insert into quarantine_edit (quarantine_id, revision, at, actor, action, outcome, state, faults_before,"
        " faults_after, reason, change, undo, place) select * from unnest($1::text[], $2::int[], $3::timestamptz[],"
        " $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::text[],"
        " $12::text[], $13::text[])",
        *columns([_line(edit) for _, edit in edited], 13),
    )


def _line(edit: Edit) -> tuple[object, ...]:
    return (
        *(edit.quarantine_id, edit.revision, edit.at, edit.actor, edit.action, edit.outcome, edit.state),
        *(faults_text(edit.faults_before), faults_text(edit.faults_after), edit.reason),
        *(None if patch is None else patch.decode() for patch in (edit.change, edit.undo)),
        edit.place,
    )


async def history(conn: Connection, quarantine_id: str) -> list[Edit]:
    """An entry's whole history, in order."""
    rows = await conn.fetch("select * from quarantine_edit where quarantine_id = $1 order by revision", quarantine_id)
    return [_edit(row) for row in rows]


async def newest(
    conn: Connection, actor: str | None, quarantine_id: str | None, before: Place | None, limit: int
) -> list[Edit]:
    """Lines of every history, the newest first, from a place on; None means any."""
    rows = await conn.fetch(
        "select * from quarantine_edit where ($1::text is null or actor = $1)"
        " and ($2::text is null or quarantine_id = $2)"
        " and ($3::timestamptz is null or (at, quarantine_id, revision) < ($3, $4::text, $5::int))"
        " order by at desc, quarantine_id desc, revision desc limit $6",
        actor,
        quarantine_id,
        *(before or (None, None, None)),
        limit,
    )
    return [_edit(row) for row in rows]


def _edit(row: Row) -> Edit:
    patches = {name: None if row[name] is None else row[name].encode() for name in ("change", "undo")}
    faults = {name: read_faults(row[name]) for name in ("faults_before", "faults_after")}
    return msgspec.convert(dict(row) | patches | faults, Edit)
