"""Drafts of KPI definitions, and what they would say, over HTTP."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict

from chassis.request_headers import IdempotencyKey, IfMatch
from chassis.tokens import Caller, requires
from services.kpi.domain.definitions import Draft
from services.kpi.domain.values import change
from services.kpi.handlers import drafts
from services.kpi.handlers.preview import Seen, preview
from services.kpi.handlers.questions import Question
from services.kpi.routes.asking import PageQuery, counted, deps_of, sight_of
from services.kpi.routes.definitions import EXAMPLE, status_of, told
from services.kpi.routes.windows import WindowsQuery, value_item, windows_of

router = APIRouter()
CELLS_MAX = 2_000
"""Values in one page of a preview: most are read from facts."""
Definer = Annotated[Caller, Depends(requires("kpis.define"))]


class Publication(BaseModel):
    """From which local day on the version is to hold; absent: for all time."""

    model_config = ConfigDict(extra="forbid")

    valid_from: dt.date | None = None


@router.get("/v1/kpi-drafts", summary="The KPI definitions that are written and not published")
async def list_drafts(request: Request, caller: Definer, page: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    async with deps_of(request).database.transaction(readonly=True) as conn:
        found = await drafts.listed(conn, page.cursor, page.limit + 1)
    items = found[: page.limit]
    return {
        "items": [_draft(draft) for draft in items],
        "next_cursor": items[-1].definition.key if len(found) > page.limit else None,
    }


@router.get("/v1/kpis/{key}/draft", summary="The draft of a KPI definition")
async def read_draft(request: Request, response: Response, key: str, caller: Definer) -> dict[str, Any]:
    async with deps_of(request).database.transaction(readonly=True) as conn:
        draft = await drafts.read(conn, key)
    response.headers["ETag"] = draft.etag
    return _draft(draft)


@router.put("/v1/kpis/{key}/draft", summary="Write a KPI definition without publishing it")
async def save_draft(
    request: Request,
    response: Response,
    key: str,
    caller: Definer,
    body: Annotated[dict[str, Any], Body(examples=[EXAMPLE])],
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """It is checked as if it were published, and refused with a pointer per fault."""
    deps = deps_of(request)
    async with deps.database.transaction() as conn:
        draft = await drafts.save(conn, key, body, deps.clock.now(), caller.subject, if_match)
    response.headers["ETag"] = draft.etag
    return _draft(draft)


@router.delete("/v1/kpis/{key}/draft", summary="Discard a draft", status_code=204)
async def discard_draft(request: Request, key: str, caller: Definer, if_match: IfMatch = None) -> None:
    async with deps_of(request).database.transaction() as conn:
        await drafts.discard(conn, key, if_match)


@router.post("/v1/kpis/{key}/publish", summary="Publish the draft as the KPI's next version, from a day on")
async def publish_draft(
    request: Request,
    response: Response,
    key: str,
    caller: Definer,
    body: Publication,
    idempotency_key: IdempotencyKey = None,
) -> dict[str, Any]:
    """A window is measured by the version that holds on its last day. 202: much has to be made from facts first; the
    version's own page says how far that has come, and it holds when it is done."""
    deps = deps_of(request)
    async with deps.database.transaction() as conn:
        published = await drafts.publish(conn, key, deps.clock.now(), caller.subject, body.valid_from, idempotency_key)
    response.status_code = status_of(published)
    return told(published)


@router.post("/v1/kpis/{key}/preview", summary="What a definition would say of your data, beside the published one")
async def preview_kpi(
    request: Request,
    key: str,
    caller: Definer,
    query: Annotated[WindowsQuery, Query()],
    body: Annotated[dict[str, Any] | None, Body(examples=[EXAMPLE])] = None,
) -> dict[str, Any]:
    """Of the definition in the body, or of the draft. Nothing is kept; a question that takes too long is a 422."""
    deps = deps_of(request)
    await counted(deps, query.after)
    as_of = query.as_of or deps.today()
    windows = windows_of(query, as_of, deps.fiscal_month)
    question = Question(query.subject_kind, query.subject, windows, as_of)
    sight, limit = sight_of(caller, "kpis.read"), max(1, min(query.limit, CELLS_MAX // len(windows)))
    async with deps.database.transaction("repeatable_read", readonly=True) as conn:
        page = await preview(conn, key, body, question, sight, query.cursor, limit)
    return {
        "kpi": key,
        "unit": page.unit,
        "published_version": page.published.version if page.published else None,
        "items": [_seen(query.subject_kind, seen) for seen in page.seen],
        "next_cursor": page.next_cursor,
    }


def _seen(kind: str, seen: Seen) -> dict[str, Any]:
    """``difference`` is what the draft says more; ``relative`` is a part of the published value: 0.5 is 50 % more."""
    found = change(seen.draft.value, seen.published.value if seen.published else None)
    return value_item(kind, seen.draft) | {
        "published_value": found.before.text if found.before else None,
        "difference": found.change,
        "relative": found.relative,
    }


def _draft(draft: Draft) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.to_builtins(draft.definition)
    return body | {"saved_at": draft.saved_at, "saved_by": draft.saved_by}
