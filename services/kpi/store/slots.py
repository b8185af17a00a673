"""Slots: rows that are added to lie in one of several, so that no two transactions ever wait for the same row.

What is kept is the sum over the slots: a row of one of them alone means nothing, and may be negative.
"""

from __future__ import annotations

from chassis.db import Connection

SLOTS_MAX = 1_000
"""More than there are connections."""


async def take(conn: Connection) -> int:
    """The lowest free slot. It is this transaction's alone until its end: a single worker always has slot 0."""
    slot: int = await conn.fetchval(
        "select n from generate_series(0, $1) as n where pg_try_advisory_xact_lock(hashtext('kpi.slot'), n) limit 1",
        SLOTS_MAX,
    )
    return slot
