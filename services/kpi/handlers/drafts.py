"""Drafts: definitions that are written and checked before anyone reads a value of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from chassis.db import Connection
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import BadDefinition, Draft
from services.kpi.domain.errors import DraftChanged, DraftNotFound
from services.kpi.handlers.define import checked
from services.kpi.handlers.in_force import in_force
from services.kpi.store import drafts

DRAFTS_MAX = 500
listed = drafts.listed


async def save(
    conn: Connection, key: str, body: Mapping[str, Any], now: dt.datetime, by: str, if_match: str | None
) -> Draft:
    """Save a draft that could be published as it is; with ``if_match``, only if the one before still has this ETag.

    Raises BadDefinition with a pointer per fault, and DraftChanged.
    """
    definition = checked(key, body, await in_force(conn))
    await drafts.lock(conn)
    before = await drafts.one(conn, key)
    _insist(before, key, if_match)
    if before is None and await drafts.count(conn) >= DRAFTS_MAX:
        raise BadDefinition([Fault("", "too-many", f"{DRAFTS_MAX} drafts are saved already")])
    draft = Draft(definition, now, by)
    await drafts.save(conn, draft)
    return draft


async def read(conn: Connection, key: str) -> Draft:
    """The draft of a key. Raises DraftNotFound."""
    if (draft := await drafts.one(conn, key)) is None:
        raise DraftNotFound(f"no draft of {key!r} is saved")
    return draft


async def discard(conn: Connection, key: str, if_match: str | None) -> None:
    """Forget a draft. Raises DraftNotFound, DraftChanged."""
    await drafts.lock(conn)
    _insist(await read(conn, key), key, if_match)
    await drafts.discard(conn, key)


def _insist(before: Draft | None, key: str, if_match: str | None) -> None:
    if if_match is None or (before and if_match in ("*", before.etag)):
        return
    raise DraftChanged(f"the draft of {key} has changed; read it again")
