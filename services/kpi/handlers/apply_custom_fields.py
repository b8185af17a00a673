"""Fields of the company's own, as announced: from then on a definition can name them by their type."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.bus import Record
from chassis.db import Connection
from services.kpi.store import custom_fields
from services.kpi.translate import read_custom_field


async def apply_custom_fields(conn: Connection, records: Sequence[Record]) -> None:
    """Take the newest word on each field. Raises Malformed."""
    await custom_fields.save(conn, [read_custom_field(record) for record in records])
