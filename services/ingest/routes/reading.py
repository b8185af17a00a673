"""The quarantine, and the check of promise 1."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Response
from msgspec import Raw

from chassis.metric_names import VERIFICATION_FAILED
from chassis.problems import Problem
from chassis.tokens import Caller, requires
from services.ingest.domain.entries import Entry, EntryFilter
from services.ingest.handlers.quarantine import Quarantine
from services.ingest.handlers.verify import Verification
from services.ingest.routes.shapes import (
    CheckBody,
    EntryBody,
    EntryPage,
    QuarantineQuery,
)

QuarantineReader = Annotated[Caller, Depends(requires("quarantine.read"))]
Operator = Annotated[Caller, Depends(requires("operations.read"))]


def router(quarantine: Quarantine, verification: Verification) -> APIRouter:
    """The routes over these use cases."""
    routes = APIRouter()
    _quarantine(routes, quarantine)

    @routes.get("/v1/verification/events", summary="Check promise 1", response_model=list[CheckBody])
    async def verify_events(caller: Operator) -> Response:
        """Walk the log: does every accepted event lie where it should, unchanged? A line per check."""
        checks = await verification.events()
        VERIFICATION_FAILED.set(sum(not c.ok for c in checks), "events")
        return _json(checks)

    return routes


def _quarantine(routes: APIRouter, quarantine: Quarantine) -> None:
    @routes.get("/v1/quarantine", summary="List what was not accepted, newest first", response_model=EntryPage)
    async def list_quarantine(caller: QuarantineReader, query: Annotated[QuarantineQuery, Query()]) -> Response:
        wanted = EntryFilter(
            outcome=query.outcome,
            source=query.source,
            type=query.type,
            before=query.cursor,
            visible_source=_visible_source(caller),
        )
        found, cursor = await quarantine.page(wanted, query.limit)
        return _json({"items": [_shown(entry) for entry in found], "next_cursor": cursor})

    @routes.get("/v1/quarantine/{quarantine_id}", summary="One event that was not accepted", response_model=EntryBody)
    async def get_quarantined(caller: QuarantineReader, quarantine_id: str) -> Response:
        return _json(_shown(await quarantine.one(quarantine_id, _visible_source(caller))))


def _visible_source(caller: Caller) -> str | None:
    """None: every source. Raises Problem 403 for a scope that names no source."""
    scope = caller.scope("quarantine.read")
    if scope == "all":
        return None
    if scope == "source" and caller.source:
        return caller.source
    raise Problem(403, "permission-missing", "this needs the permission quarantine.read for a source")


def _shown(entry: Entry) -> dict[str, Any]:
    return {
        "quarantine_id": entry.quarantine_id,
        "outcome": entry.outcome,
        "source": entry.source,
        "id": entry.id,
        "type": entry.type,
        "object_id": entry.object_id,
        "received_at": entry.received_at,
        "resolved_at": entry.resolved_at,
        "event": Raw(entry.event),
        "faults": entry.faults,
    }


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
