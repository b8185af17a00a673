"""A question that is answered in both ways: by one statement, where that can be, as in a transaction."""

from __future__ import annotations

from chassis.db import Connection
from services.kpi.domain.sight import Sight
from services.kpi.handlers.questions import Question
from services.kpi.handlers.read_values import Page, at_once, in_transaction


async def answered(
    conn: Connection, key: str, asked: Question, sight: Sight, after: str, limit: int, version: int | None = None
) -> Page:
    """The answer; the caller's transaction may have written what it is about."""
    page = await in_transaction(conn, key, asked, sight, after, limit, version)
    if version is None:
        assert await at_once(conn, key, asked, sight, after, limit) in (None, page)
    return page
