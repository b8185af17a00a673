"""Definitions that are written and not published yet: one per key."""

from __future__ import annotations

import msgspec

from chassis.db import Connection, Row
from services.kpi.domain.definitions import Definition, Draft

_decode = msgspec.json.Decoder(Definition).decode


async def lock(conn: Connection) -> None:
    """Alone with the drafts until this transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('kpi.drafts'))")


async def one(conn: Connection, key: str) -> Draft | None:
    """The draft of a key."""
    row = await conn.fetchrow("select body::text as body, saved_at, saved_by from draft where key = $1", key)
    return _draft(row) if row else None


async def listed(conn: Connection, after: str, limit: int) -> list[Draft]:
    """Drafts in order of their keys, those after ``after``."""
    rows = await conn.fetch(
        'select body::text as body, saved_at, saved_by from draft where key collate "C" > $1'
        ' order by key collate "C" limit $2',
        after,
        limit,
    )
    return [_draft(row) for row in rows]


async def count(conn: Connection) -> int:
    """How many drafts there are."""
    found: int = await conn.fetchval("select count(*) from draft")
    return found


async def save(conn: Connection, draft: Draft) -> None:
    """Put a draft in the place of the one of its key."""
    await conn.execute(
        "insert into draft (key, body, saved_at, saved_by) values ($1, $2::text::jsonb, $3, $4) on conflict (key)"
        " do update set body = excluded.body, saved_at = excluded.saved_at, saved_by = excluded.saved_by",
        draft.definition.key,
        msgspec.json.encode(draft.definition).decode(),
        draft.saved_at,
        draft.saved_by,
    )


async def discard(conn: Connection, key: str) -> None:
    """Forget the draft of a key."""
    await conn.execute("delete from draft where key = $1", key)


def _draft(row: Row) -> Draft:
    return Draft(_decode(row["body"]), row["saved_at"], row["saved_by"])
