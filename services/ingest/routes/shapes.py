"""The bodies and queries of the reading routes, as the OpenAPI document shows them."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.ingest.domain.faults import ID_CHARACTERS_MAX

PAGE_ITEMS, PAGE_ITEMS_MAX = 50, 200

Text = Annotated[str, Field(min_length=1, max_length=ID_CHARACTERS_MAX, pattern=r"^[^\x00]*$")]
Outcome = Literal["quarantined", "conflict", "resolved"]


class QuarantineQuery(BaseModel):
    """Filters; what is left out means any."""

    model_config = ConfigDict(extra="forbid")

    outcome: Outcome | None = None
    source: Text | None = None
    type: Text | None = None
    cursor: Text | None = None
    limit: Annotated[int, Field(ge=1, le=PAGE_ITEMS_MAX)] = PAGE_ITEMS


class FaultBody(BaseModel):
    """``pointer`` leads into the event; ``code`` is stable; ``detail`` is for people."""

    pointer: str
    code: str
    detail: str


class EntryBody(BaseModel):
    """An event that was not accepted, as it was sent. A conflict has no faults."""

    quarantine_id: str
    outcome: Outcome
    source: str
    id: str
    type: str
    object_id: str | None
    received_at: dt.datetime
    resolved_at: dt.datetime | None
    event: dict[str, Any]
    faults: list[FaultBody]


class EntryPage(BaseModel):
    """Newest first; ``next_cursor`` is null on the last page."""

    items: list[EntryBody]
    next_cursor: str | None


class CheckBody(BaseModel):
    """One check of promise 1."""

    check: str
    ok: bool
    examined: int
    detail: str
