"""Events and credits that do not count yet, or not as sent: listed one by one, and counted over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chassis.db import Connection
from services.kpi.domain.quality_table import Group, Question, in_parts
from services.kpi.domain.sight import Sight
from services.kpi.store import quality, quality_table

KINDS = quality.KINDS


async def read_quality(conn: Connection, kind: str, sight: Sight, after: str, limit: int) -> list[dict[str, Any]]:
    """Entries of one kind (KINDS), those behind a cursor."""
    return await quality.listed(conn, kind, sight, after, limit)


async def read_statistics(conn: Connection, question: Question, after: Sequence[str] | None, limit: int) -> list[Group]:
    """The groups that a question makes, in the order of their keys, those behind one."""
    found: list[Group] = []
    for part in in_parts(question, after):
        found += await quality_table.groups(conn, part, after, limit - len(found))
        if len(found) >= limit:
            break
    return found
