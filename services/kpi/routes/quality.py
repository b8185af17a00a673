"""Data quality and verification over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.checks import told
from chassis.tokens import Caller, requires
from services.kpi.handlers import read_quality, verify
from services.kpi.routes.asking import PageQuery, deps_of, sight_of

router = APIRouter()


class QualityQuery(PageQuery):
    """Entries of one kind."""

    kind: Annotated[str, Field(pattern="^(" + "|".join(read_quality.KINDS) + ")$")]


@router.get("/v1/data-quality", summary="What waits, conflicts, or names someone unknown")
async def list_quality(
    request: Request,
    caller: Annotated[Caller, Depends(requires("data_quality.read"))],
    query: Annotated[QualityQuery, Query()],
) -> dict[str, Any]:
    sight = sight_of(caller, "data_quality.read")
    async with deps_of(request).database.transaction(readonly=True) as conn:
        items = await read_quality.read_quality(conn, query.kind, sight, query.cursor, query.limit + 1)
    shown = items[: query.limit]
    return {"items": shown, "next_cursor": shown[-1]["cursor"] if len(items) > query.limit else None}


@router.get("/v1/verification/kpis", summary="Recompute everything from the log and compare")
async def verification(
    request: Request, caller: Annotated[Caller, Depends(requires("operations.read"))]
) -> list[dict[str, Any]]:
    deps = deps_of(request)
    async with deps.database.transaction("repeatable_read", readonly=True) as conn:
        return told("kpis", await verify.verify(conn, deps.bus, deps.zone))
