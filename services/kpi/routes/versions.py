"""The versions of a KPI definition over HTTP: those that held, hold, or wait until what they need is made."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request

from chassis.tokens import Caller, requires
from services.kpi.domain.errors import BadQuestion
from services.kpi.handlers import define, versions
from services.kpi.handlers.versions import Version
from services.kpi.routes.asking import PageQuery, deps_of
from services.kpi.routes.definitions import told

router = APIRouter()
Number = Annotated[int, Path(ge=1, le=1_000_000)]


@router.get("/v1/kpis/{key}/versions", summary="The versions of a KPI definition, the newest first")
async def list_versions(
    request: Request,
    key: str,
    caller: Annotated[Caller, Depends(requires("kpis.read"))],
    page: Annotated[PageQuery, Query()],
) -> dict[str, Any]:
    async with deps_of(request).database.transaction("repeatable_read", readonly=True) as conn:
        found = await versions.listed(conn, key, _number(page.cursor), page.limit + 1)
    items = found[: page.limit]
    return {
        "items": [_told(one, deps_of(request).clock.now()) for one in items],
        "next_cursor": str(items[-1].published.version) if len(found) > page.limit else None,
    }


@router.get("/v1/kpis/{key}/versions/{version}", summary="One version of a KPI definition, and how far it is made")
async def read_version(
    request: Request, key: str, version: Number, caller: Annotated[Caller, Depends(requires("kpis.read"))]
) -> dict[str, Any]:
    async with deps_of(request).database.transaction("repeatable_read", readonly=True) as conn:
        return _told(await versions.one(conn, key, version), deps_of(request).clock.now())


@router.delete("/v1/kpis/{key}/versions/{version}", summary="Withdraw a version that waits or is being made")
async def withdraw_version(
    request: Request, key: str, version: Number, caller: Annotated[Caller, Depends(requires("kpis.define"))]
) -> dict[str, Any]:
    """One that holds already is not withdrawn: publish another one."""
    async with deps_of(request).database.transaction() as conn:
        return told(await define.withdraw(conn, key, version))


def _told(one: Version, now: dt.datetime) -> dict[str, Any]:
    body = told(one.published) | {"switched_at": one.published.switched_at}
    if one.made is None:
        return body
    return body | {
        "progress": {
            "facts_done": one.made.facts_done,
            "facts_total": one.made.facts_total,
            "started_at": one.made.started_at,
            "ends_about_at": one.made.ends_about_at(now),
        },
    }


def _number(cursor: str) -> int | None:
    if cursor and not (cursor.isdecimal() and cursor.isascii() and len(cursor) < 9):
        raise BadQuestion("'cursor' is none of ours")
    return int(cursor) if cursor else None
