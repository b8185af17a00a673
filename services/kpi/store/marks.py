"""The marks of what waits to be announced, and who announces it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import Struct

from chassis.db import Connection


class Mark(Struct, frozen=True, gc=False):
    """Facts of a subject and day changed; ``reason`` is a rank in domain.facts.REASONS.

    ``family``: which facts (domain.measures.Family); empty where every KPI may differ.
    """

    family: str
    kind: str
    subject: str
    day: dt.date
    reason: int


_LOCK = "hashtext('kpi.announce')"


async def alone(conn: Connection) -> bool:
    """Whether nobody else announces until this transaction ends: one announces at a time."""
    found: bool = await conn.fetchval(f"select pg_try_advisory_xact_lock({_LOCK})")
    return found


async def lock(conn: Connection) -> None:
    """Wait until nobody else announces; nobody will until this transaction ends."""
    await conn.execute(f"select pg_advisory_xact_lock({_LOCK})")


async def counting(conn: Connection) -> tuple[int, bool]:
    """How many records are read, and whether some reader is in the middle of a batch: it holds its positions from the
    batch's begin to its commit."""
    (found,) = await conn.fetch(
        "select (select coalesce(sum(next_offset), 0)::bigint from position), (select count(*) from position)"
        " > (select count(*) from (select from position for share skip locked) p)"
    )
    read, in_a_batch = found
    return read, in_a_batch


async def waiting(conn: Connection, limit: int) -> list[list[int]]:
    """The ids of the oldest marks, those of one subject together."""
    rows = await conn.fetch(
        "select array_agg(id) as ids from (select id, kind, subject from changed order by id limit $1) c"
        " group by kind, subject order by kind, subject",
        limit,
    )
    return [r["ids"] for r in rows]


async def take(conn: Connection, ids: Sequence[int]) -> tuple[list[Mark], set[str]]:
    """Take marks away, and the traceparents of what caused them; the same place is told once. Needs to be ``alone``."""
    rows = await conn.fetch(
        "with taken as (delete from changed where id = any($1::bigint[])"
        " returning family, kind, subject, day, reason, traceparent)"
        " select family, kind, subject, day, max(reason) as reason, array_agg(distinct traceparent) as causes"
        " from taken group by 1, 2, 3, 4 order by 1, 2, 3, 4",
        ids,
    )
    marks = [Mark(*list(r.values())[:5]) for r in rows]
    return marks, {cause for r in rows for cause in r["causes"]}


async def mark_announced(
    conn: Connection,
    grain: str,
    period_from: dt.date,
    family: str,
    day: dt.date,
    reason: int,
    kpi: str | None = None,
    but_zero: bool = False,
) -> None:
    """Mark a day for every subject that has an announced value in a period: of a KPI, if one is named.

    ``but_zero``: not those whose value is zero, or none.
    """
    await conn.execute(
        "insert into changed (family, kind, subject, day, reason)"
        " select distinct $3, kind, subject, $4::date, $5::int from announced_value"
        " where grain = $1 and period_from = $2 and ($6::text is null or kpi = $6) and (not $7 or value <> '0')",
        grain,
        period_from,
        family,
        day,
        reason,
        kpi,
        but_zero,
    )
