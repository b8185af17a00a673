"""The bodies of the catalogue's routes, as the OpenAPI document shows them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from contracts.custom_fields import FieldType
from contracts.topics import ACCEPTED_FROM_CRM
from services.ingest.domain.policies import POINTERS_MAX

POINTER_CHARACTERS_MAX = 500

Pointer = Annotated[str, Field(max_length=POINTER_CHARACTERS_MAX, examples=["/data/customer_id"])]
TypeName = Annotated[str, Field(max_length=256, examples=["crm.order.placed.v1"])]


class RequiredFields(BaseModel):
    """What must be filled in (not null, not empty): JSON pointers from the event's root."""

    model_config = ConfigDict(extra="forbid")

    required: Annotated[list[Pointer], Field(max_length=POINTERS_MAX)]


class Declaration(BaseModel):
    """A field of the company's own, under its name in ``attributes`` of the event types named.

    A ``decimal`` is sent as text (``"12.50"``) or a whole number, a ``date`` as text (``"2026-03-31"``). The type of a
    name is fixed by its first declaration.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    type: FieldType
    required: bool = False
    event_types: Annotated[list[TypeName], Field(min_length=1, max_length=len(ACCEPTED_FROM_CRM))]


class CustomFieldItem(BaseModel):
    """A declaration as it stands. ``active`` false: it was taken back, and nothing is held to it."""

    name: str
    version: int
    type: FieldType
    required: bool
    event_types: list[str]
    active: bool
    decided_by: str
    decided_at: dt.datetime


class CustomFieldBody(CustomFieldItem):
    """With every version, newest first: who decided what, and when."""

    versions: list[CustomFieldItem]


class CustomFieldPage(BaseModel):
    """Every declaration, by name; one page."""

    items: list[CustomFieldItem]
    next_cursor: str | None


class EventTypeBody(BaseModel):
    """``key``: the JSON pointer of the object's id. ``policy_version`` 0: nothing was ever required.

    ``schema`` is the JSON Schema (2020-12) of the whole event, ``example`` a sound one as far as the schema goes;
    ``custom_fields`` are those that this installation holds such events to.
    """

    type: str
    topic: str
    key: str
    required: list[str]
    policy_version: int
    decided_by: str | None
    decided_at: dt.datetime | None
    custom_fields: list[CustomFieldItem]
    example: dict[str, Any]
    json_schema: Annotated[dict[str, Any], Field(alias="schema")]


class EventTypePage(BaseModel):
    """Every event type that is taken; one page."""

    items: list[EventTypeBody]
    next_cursor: str | None
