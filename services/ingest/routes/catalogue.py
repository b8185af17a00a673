"""The catalogue of event types: what is required of each, and the company's own fields."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Response

from chassis.request_headers import IfMatch
from chassis.tokens import Caller, requires
from services.ingest.domain.custom_fields import CustomField
from services.ingest.handlers.catalogue import Catalogue, EventType
from services.ingest.handlers.custom_fields import CustomFields
from services.ingest.handlers.policies import Policies
from services.ingest.routes.catalogue_shapes import (
    CustomFieldBody,
    CustomFieldPage,
    Declaration,
    EventTypeBody,
    EventTypePage,
    RequiredFields,
)

Reader = Annotated[Caller, Depends(requires("event_types.read"))]
Writer = Annotated[Caller, Depends(requires("event_types.write"))]


def router(policies: Policies, fields: CustomFields) -> APIRouter:
    """The routes over these use cases."""
    routes = APIRouter()
    _event_types(routes, Catalogue(policies, fields), policies)
    _custom_fields(routes, fields)
    return routes


def _event_types(routes: APIRouter, catalogue: Catalogue, policies: Policies) -> None:
    @routes.get("/v1/event-types", summary="The event types that are taken", response_model=EventTypePage)
    async def list_event_types(caller: Reader) -> Response:
        return _json({"items": [_shown_type(entry) for entry in await catalogue.all()], "next_cursor": None})

    @routes.get("/v1/event-types/{type}", summary="One event type", response_model=EventTypeBody)
    async def get_event_type(caller: Reader, type: str) -> Response:
        return _told_type(await catalogue.one(type))

    @routes.put("/v1/event-types/{type}", summary="Say which fields must be filled in", response_model=EventTypeBody)
    async def put_event_type(caller: Writer, type: str, body: RequiredFields, if_match: IfMatch = None) -> Response:
        await policies.require(type, body.required, caller.subject, if_match)
        return _told_type(await catalogue.one(type))


def _custom_fields(routes: APIRouter, fields: CustomFields) -> None:
    @routes.get("/v1/custom-fields", summary="The company's own fields", response_model=CustomFieldPage)
    async def list_custom_fields(caller: Reader) -> Response:
        return _json({"items": [_shown(field) for field in await fields.all()], "next_cursor": None})

    @routes.get("/v1/custom-fields/{name}", summary="One field, with its history", response_model=CustomFieldBody)
    async def get_custom_field(caller: Reader, name: str) -> Response:
        return _told(await fields.versions(name))

    @routes.put("/v1/custom-fields/{name}", summary="Declare a field", response_model=CustomFieldBody)
    async def put_custom_field(caller: Writer, name: str, body: Declaration, if_match: IfMatch = None) -> Response:
        await fields.declare(name, body.type, body.required, body.event_types, caller.subject, if_match)
        return _told(await fields.versions(name))

    @routes.delete("/v1/custom-fields/{name}", summary="Take a declaration back", status_code=204)
    async def delete_custom_field(caller: Writer, name: str, if_match: IfMatch = None) -> Response:
        await fields.take_back(name, caller.subject, if_match)
        return Response(status_code=204)


def _shown_type(entry: EventType) -> dict[str, Any]:
    return {
        "type": entry.type,
        "topic": entry.topic,
        "key": entry.key,
        "required": entry.policy.required,
        "policy_version": entry.policy.version,
        "decided_by": entry.policy.decided_by,
        "decided_at": entry.policy.decided_at,
        "custom_fields": [_shown(field) for field in entry.custom_fields],
        "example": entry.example,
        "schema": entry.schema,
    }


def _told_type(entry: EventType) -> Response:
    return _json(_shown_type(entry), {"ETag": entry.policy.etag})


def _shown(field: CustomField) -> dict[str, Any]:
    return {
        "name": field.name,
        "version": field.version,
        "type": field.type,
        "required": field.required,
        "event_types": field.event_types,
        "active": field.active,
        "decided_by": field.decided_by,
        "decided_at": field.decided_at,
    }


def _told(versions: Sequence[CustomField]) -> Response:
    newest = versions[0]
    return _json(_shown(newest) | {"versions": [_shown(field) for field in versions]}, {"ETag": newest.etag})


def _json(content: object, headers: dict[str, str] | None = None) -> Response:
    return Response(msgspec.json.encode(content), headers=headers, media_type="application/json")
