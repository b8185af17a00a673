"""Data quality: what a batch of events adds to the counts, and which of them wait; and what the door counted."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.bus import Record
from chassis.db import Connection
from services.kpi.domain.quality import Tallies
from services.kpi.store import event_counts, slots
from services.kpi.translate import read_door_count


async def apply_door_counts(conn: Connection, records: Sequence[Record]) -> None:
    """Take over what the door counted of the events that are not on the log. Raises Malformed."""
    await event_counts.save_door(conn, [read_door_count(record) for record in records])


async def save_tallies(conn: Connection, tallies: Tallies) -> None:
    """Add what a batch comes to."""
    await event_counts.add(conn, tallies.rows(), await slots.take(conn))
