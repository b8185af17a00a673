"""Whether what is kept of facts is what they give."""

from __future__ import annotations

from chassis.db import Connection
from services.kpi.handlers.in_force import folded, in_force
from services.kpi.store import verification


async def different(conn: Connection) -> list[str]:
    """Where what is kept, or is being made, is not what the facts give."""
    known = await in_force(conn)
    kept, wrong = await folded(conn, known), []
    for measure in (m for some in kept.slices.values() for m in some):
        wrong += (await verification.slices_that_differ(conn, measure))[1]
    for keys in kept.keys.values():
        wrong += (await verification.keys_that_differ(conn, keys, known.shift))[1]
    return wrong
