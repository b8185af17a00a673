"""What the door counted of the events that are not on the log."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.bus import Record
from chassis.db import Connection
from services.kpi.store import event_counts
from services.kpi.translate import read_door_count


async def apply_door_counts(conn: Connection, records: Sequence[Record]) -> None:
    """Take over what the door counted of the events that are not on the log. Raises Malformed."""
    await event_counts.save_door(conn, [read_door_count(record) for record in records])
