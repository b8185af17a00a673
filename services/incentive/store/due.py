"""Marks of what has to be settled again: written with the change, drained by deletion, a payee at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chassis.db import Connection, columns
from chassis.telemetry import current_traceparent
from services.incentive.domain.windows import Days


async def mark(conn: Connection, places: Iterable[tuple[str, Days]]) -> int:
    """Mark days of payees; returns the newest mark's number, 0 when there was nothing to mark."""
    rows = sorted({(payee_id, days.since, days.until) for payee_id, days in places})
    found = await conn.fetch(
        "insert into due (payee_id, since, until, traceparent)"
        " select *, $4 from unnest($1::text[], $2::date[], $3::date[]) returning id",
        *columns(rows, 3),
        current_traceparent(),
    )
    return max((int(row["id"]) for row in found), default=0)


async def mark_everyone(conn: Connection, days: Days) -> int:
    """Mark these days of everyone in the directory; returns the newest mark's number."""
    found = await conn.fetch(
        "insert into due (payee_id, since, until, traceparent)"
        " select person_id, $1, $2, $3 from person order by 1 returning id",
        days.since,
        days.until,
        current_traceparent(),
    )
    return max((int(row["id"]) for row in found), default=0)


async def waiting(conn: Connection, payees_max: int, but: Sequence[str]) -> list[str]:
    """Payees with marks, those that wait longest first; without those in ``but``."""
    rows = await conn.fetch(
        "select payee_id from due where payee_id <> all($2::text[]) group by payee_id order by min(id) limit $1",
        payees_max,
        list(but),
    )
    return [row["payee_id"] for row in rows]


async def take(conn: Connection, payee_id: str) -> tuple[Days, list[str]] | None:
    """Take a payee's marks, and keep every other settler off them until this transaction ends: the days that they
    span, and the traceparents of what caused them.

    None when there are none, or when another settler is at it. What is read after this sees at least every change
    whose mark was taken: a mark that commits later stays for the next time.
    """
    lock = "select pg_try_advisory_xact_lock(hashtextextended(current_schema() || '.payee.' || $1, 0))"
    if not await conn.fetchval(lock, payee_id):
        return None
    row = await conn.fetchrow(
        "with taken as (delete from due where payee_id = $1 returning since, until, traceparent)"
        " select min(since) as since, max(until) as until, array_agg(distinct traceparent) as causes from taken",
        payee_id,
    )
    return (Days(row["since"], row["until"]), row["causes"]) if row and row["since"] else None


async def newest(conn: Connection) -> int:
    """The number of the newest mark that waits; 0 when none does."""
    return int(await conn.fetchval("select coalesce(max(id), 0) from due"))


async def left(conn: Connection, up_to: int, payee_id: str | None) -> int:
    """How many marks up to this number wait still, of one payee or of all."""
    return int(
        await conn.fetchval(
            "select count(*) from due where id <= $1 and ($2::text is null or payee_id = $2)", up_to, payee_id
        )
    )
