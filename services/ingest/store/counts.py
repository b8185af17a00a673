"""The counts of the door: added to in the transaction of what they count, told as totals later."""

from __future__ import annotations

from chassis.db import Connection, Row, columns
from contracts.quality import DoorCount, count_id
from services.ingest.domain.counts import EVERYBODY, WHATS, Counts

SLOTS = 32
"""Each count is the sum of so many rows. A connection writes to the slot of its server process, so that requests that
count the same at once do not wait for each other."""

_SUMS = ", ".join(f"sum({what})::bigint as {what}" for what in WHATS)
_ADDED = ", ".join(f"{what} = d.{what} + excluded.{what}" for what in WHATS)


async def add(conn: Connection, counts: Counts) -> None:
    """Add to the counts; the last that a transaction does, so that nobody waits for its rows longer than they must."""
    rows = [(*place, *(more[what] for what in WHATS)) for place, more in sorted(counts.added.items())]
    if rows:
        await conn.execute(
            f"insert into door_count as d (day, source, type, rep_id, {', '.join(WHATS)}, slot, told)"
            f" select *, pg_backend_pid() % {SLOTS}, false from unnest($1::date[], $2::text[], $3::text[], $4::text[],"
            " $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[])"
            f" on conflict (day, source, type, rep_id, slot) do update set told = false, {_ADDED}",
            *columns(rows, 9),
        )


async def take_untold(conn: Connection, limit: int) -> list[DoorCount]:
    """The totals in which at most ``limit`` rows have changed since they were told; they are taken as told now.

    None while somebody else is at it. Rows that a request is adding to just now are left for the next time.
    """
    if not await conn.fetchval("select pg_try_advisory_xact_lock(hashtext('ingest.door_count'))"):
        return []
    taken = await conn.fetch(
        "update door_count set told = true where (day, source, type, rep_id, slot) in"
        " (select day, source, type, rep_id, slot from door_count where not told limit $1 for update skip locked)"
        " returning day, source, type, rep_id",
        limit,
    )
    # A statement of its own: it sees what was added until the rows were locked.
    rows = await conn.fetch(
        f"select day, source, type, rep_id, {_SUMS} from door_count where (day, source, type, rep_id) in"
        " (select * from unnest($1::date[], $2::text[], $3::text[], $4::text[])) group by 1, 2, 3, 4",
        *columns([tuple(row) for row in taken], 4),
    )
    return [_count(row) for row in rows]


def _count(row: Row) -> DoorCount:
    rep_id = None if row["rep_id"] == EVERYBODY else row["rep_id"]
    place = row["day"], row["source"], row["type"], rep_id
    return DoorCount(
        count_id=count_id(*place),
        **dict(zip(("day", "source", "type", "rep_id"), place, strict=True)),
        **{what: row[what] for what in WHATS},
    )
