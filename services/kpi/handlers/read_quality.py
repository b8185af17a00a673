"""Events and credits that do not count yet, or not as sent."""

from __future__ import annotations

from typing import Any

from chassis.db import Connection
from services.kpi.domain.sight import Sight
from services.kpi.store import quality

KINDS = quality.KINDS


async def read_quality(conn: Connection, kind: str, sight: Sight, after: str, limit: int) -> list[dict[str, Any]]:
    """Entries of one kind (KINDS), those behind a cursor."""
    return await quality.listed(conn, kind, sight, after, limit)
