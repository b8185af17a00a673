"""Attainment of targets over HTTP."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from services.kpi.domain.values import plain
from services.kpi.handlers import read_attainment
from services.kpi.routes.asking import PageQuery, counted, deps_of, sight_of

router = APIRouter()


class AttainmentQuery(PageQuery):
    """Targets of a subject whose windows lie within ``[from, to)``; what counts is dated until the as-of day."""

    subject: str | None = None
    since: Annotated[dt.date | None, Field(alias="from")] = None
    to: dt.date | None = None
    as_of: dt.date | None = None
    after: Annotated[str | None, Field(max_length=2_000)] = None


@router.get("/v1/targets/attainment", summary="How far targets are reached")
async def list_attainment(
    request: Request,
    caller: Annotated[Caller, Depends(requires("targets.read"))],
    query: Annotated[AttainmentQuery, Query()],
) -> dict[str, Any]:
    deps = deps_of(request)
    await counted(deps, query.after)
    async with deps.database.transaction("repeatable_read", readonly=True) as conn:
        found = await read_attainment.read_attainment(
            conn,
            sight_of(caller, "targets.read"),
            query.subject,
            query.since,
            query.to,
            query.as_of or deps.today(),
            query.cursor,
            query.limit + 1,
            deps.currency,
        )
    shown = found[: query.limit]
    return {
        "items": [_attained(a) for a in shown],
        "next_cursor": shown[-1].target.target_id if len(found) > query.limit else None,
    }


def _attained(a: read_attainment.Attained) -> dict[str, Any]:
    return {
        "target_id": a.target.target_id,
        "kpi": a.target.kpi,
        "subject_kind": a.target.subject_kind,
        "subject": a.target.subject,
        "from": a.target.valid_from,
        "to": a.target.valid_to,
        "target": plain(a.target.value),
        "currency": a.target.currency,
        "actual": a.value.text if a.value else None,
        "null_reason": (a.part or a.value).null_reason if a.value else "no such KPI is published",
        "attainment": a.part.text if a.part else None,
        "met": a.met,
    }
