"""The quarantine, the catalogue of event types with their policies, and the check of promise 1."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Header, Query, Response
from msgspec import Raw

from chassis.metric_names import VERIFICATION_FAILED
from chassis.problems import Problem
from chassis.tokens import Caller, requires
from services.ingest.domain.entries import Entry, EntryFilter
from services.ingest.handlers.policies import EventType, Policies
from services.ingest.handlers.quarantine import Quarantine
from services.ingest.handlers.verify import Verification
from services.ingest.routes.shapes import (
    CheckBody,
    EntryBody,
    EntryPage,
    EventTypeBody,
    EventTypePage,
    QuarantineQuery,
    RequiredFields,
)

QuarantineReader = Annotated[Caller, Depends(requires("quarantine.read"))]
CatalogueReader = Annotated[Caller, Depends(requires("event_types.read"))]
CatalogueWriter = Annotated[Caller, Depends(requires("event_types.write"))]
Operator = Annotated[Caller, Depends(requires("operations.read"))]


def router(quarantine: Quarantine, policies: Policies, verification: Verification) -> APIRouter:
    """The routes over these use cases."""
    routes = APIRouter()
    _quarantine(routes, quarantine)
    _event_types(routes, policies)

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


def _event_types(routes: APIRouter, policies: Policies) -> None:
    @routes.get("/v1/event-types", summary="The event types that are taken", response_model=EventTypePage)
    async def list_event_types(caller: CatalogueReader) -> Response:
        return _json({"items": [_shown_type(entry) for entry in await policies.catalogue()], "next_cursor": None})

    @routes.get("/v1/event-types/{type}", summary="One event type, with its schema", response_model=EventTypeBody)
    async def get_event_type(caller: CatalogueReader, type: str) -> Response:
        return _with_schema(await policies.one(type))

    @routes.put("/v1/event-types/{type}", summary="Say which fields must be filled in", response_model=EventTypeBody)
    async def put_event_type(
        caller: CatalogueWriter,
        type: str,
        body: RequiredFields,
        if_match: Annotated[str | None, Header(description="the ETag that was read; 412 if it has changed")] = None,
    ) -> Response:
        return _with_schema(await policies.require(type, body.required, caller.subject, if_match))


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


def _shown_type(entry: EventType) -> dict[str, Any]:
    return {
        "type": entry.type,
        "topic": entry.topic,
        "key": entry.key,
        "required": entry.policy.required,
        "policy_version": entry.policy.version,
    }


def _with_schema(entry: EventType) -> Response:
    return _json(_shown_type(entry) | {"schema": entry.schema}, {"ETag": entry.etag})


def _json(content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), headers=headers, media_type="application/json")
