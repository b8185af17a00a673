"""Drafts: definitions that are written and checked before anyone reads a value of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec

from chassis.db import Connection
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import BadDefinition, Draft, Published
from services.kpi.domain.errors import DraftChanged, DraftNotFound
from services.kpi.domain.saved import KeyReused
from services.kpi.handlers import define
from services.kpi.handlers.in_force import in_force
from services.kpi.store import definitions, drafts, making

DRAFTS_MAX = 500
listed = drafts.listed


async def save(
    conn: Connection, key: str, body: Mapping[str, Any], now: dt.datetime, by: str, if_match: str | None
) -> Draft:
    """Save a draft that could be published as it is; with ``if_match``, only if the one before still has this ETag.

    Raises BadDefinition with a pointer per fault, and DraftChanged.
    """
    definition = define.checked(key, body, (await in_force(conn)).coming)
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


async def publish(
    conn: Connection, key: str, now: dt.datetime, by: str, valid_from: dt.date | None, request_id: str | None
) -> Published:
    """Publish the draft of a key, which is a draft no more: see define.publish. A request is answered once and for all.

    Raises DraftNotFound, BadDefinition, and KeyReused for the same ``request_id`` with another date.
    """
    await making.lock(conn)
    if request_id and (known := await definitions.asked_before(conn, key, request_id)):
        if known.valid_from != valid_from:
            raise KeyReused("this Idempotency-Key came with another date before")
        return known
    await drafts.lock(conn)
    body = msgspec.to_builtins((await read(conn, key)).definition)
    published = await define.publish(conn, key, body, now, by, valid_from, request_id)
    await drafts.discard(conn, key)
    return published


async def discard(conn: Connection, key: str, if_match: str | None) -> None:
    """Forget a draft. Raises DraftNotFound, DraftChanged."""
    await drafts.lock(conn)
    _insist(await read(conn, key), key, if_match)
    await drafts.discard(conn, key)


def _insist(before: Draft | None, key: str, if_match: str | None) -> None:
    if if_match is None or (before and if_match in ("*", before.etag)):
        return
    raise DraftChanged(f"the draft of {key} has changed; read it again")
