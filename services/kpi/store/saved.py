"""Saved reports and leaderboards, and in which teams their readers are."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from chassis.db import Connection


@dataclass(frozen=True, slots=True)
class Row:
    """A report or leaderboard as it is stored."""

    id: str
    body: str
    owner: str
    tree: str | None
    version: int
    changed_at: dt.datetime


_COLUMNS = "id, body::text as body, owner, tree, version, changed_at"


async def lock(conn: Connection) -> None:
    """Nothing is saved by anyone else until this transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('kpi.saved'))")


async def rows(conn: Connection, kind: str) -> list[Row]:
    """All of a kind, in order of their ids."""
    found = await conn.fetch(f'select {_COLUMNS} from saved where kind = $1 order by id collate "C"', kind)
    return [Row(*r.values()) for r in found]


async def row(conn: Connection, kind: str, id: str) -> Row | None:
    """One of them; None where there is none of that id."""
    found = await conn.fetchrow(f"select {_COLUMNS} from saved where kind = $1 and id = $2", kind, id)
    return Row(*found.values()) if found else None


async def made_by(conn: Connection, kind: str, owner: str, idempotency_key: str) -> tuple[str, str] | None:
    """The id of what a request with this key made, and the request's hash."""
    found = await conn.fetchrow(
        "select id, request_hash from saved where kind = $1 and owner = $2 and idempotency_key = $3",
        kind,
        owner,
        idempotency_key,
    )
    return (found["id"], found["request_hash"]) if found else None


async def add(conn: Connection, kind: str, new: Row, idempotency_key: str | None, request_hash: str) -> None:
    """Add one."""
    await conn.execute(
        "insert into saved (kind, id, body, owner, tree, version, changed_at, changed_by, idempotency_key,"
        " request_hash) values ($1, $2, $3::text::jsonb, $4, $5, $6, $7, $4, $8, $9)",
        kind,
        new.id,
        new.body,
        new.owner,
        new.tree,
        new.version,
        new.changed_at,
        idempotency_key,
        request_hash,
    )


async def replace(conn: Connection, kind: str, new: Row, by: str) -> None:
    """Put one in the place of that of its id."""
    await conn.execute(
        "update saved set body = $3::text::jsonb, tree = $4, version = $5, changed_at = $6, changed_by = $7"
        " where kind = $1 and id = $2",
        kind,
        new.id,
        new.body,
        new.tree,
        new.version,
        new.changed_at,
        by,
    )


async def delete(conn: Connection, kind: str, id: str) -> None:
    """Take one away."""
    await conn.execute("delete from saved where kind = $1 and id = $2", kind, id)


async def teams_of(conn: Connection, person_id: str, day: dt.date) -> frozenset[str]:
    """The teams that a person is in on a day."""
    found = await conn.fetch(
        "select subject from span where kind = 'team' and person_id = $1 and valid_from <= $2 and valid_to > $2",
        person_id,
        day,
    )
    return frozenset(r["subject"] for r in found)
