"""KPI definitions over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Query, Request, Response

from chassis.tokens import Caller, requires
from services.kpi.domain.definitions import Published
from services.kpi.handlers import define
from services.kpi.routes.asking import PageQuery, deps_of

router = APIRouter()
EXAMPLE = {
    "label": {"en": "Large orders of the north"},
    "kind": "simple",
    "over": "order",
    "measure": "sum",
    "field": "amount",
    "where": [
        {"field": "territory", "operator": "eq", "value": "north"},
        {"field": "amount", "operator": "gte", "value": "1000"},
        {"field": "attributes.channel", "operator": "in", "values": ["web", "phone"]},
    ],
    "unit": "money",
    "direction": "up",
}
"""What a definition looks like, for the API's own description."""


@router.get("/v1/kpis", summary="The KPI definitions in force")
async def list_kpis(
    request: Request, caller: Annotated[Caller, Depends(requires("kpis.read"))], page: Annotated[PageQuery, Query()]
) -> dict[str, Any]:
    async with deps_of(request).database.transaction(readonly=True) as conn:
        known = (await define.in_force(conn)).on(deps_of(request).today()).published
    keys = [k for k in sorted(known) if k > page.cursor]
    items = [told(known[k]) for k in keys[: page.limit]]
    return {"items": items, "next_cursor": keys[page.limit - 1] if len(keys) > page.limit else None}


@router.get("/v1/kpis/{key}", summary="One KPI definition")
async def read_kpi(
    request: Request, key: str, caller: Annotated[Caller, Depends(requires("kpis.read"))]
) -> dict[str, Any]:
    async with deps_of(request).database.transaction(readonly=True) as conn:
        return told((await define.in_force(conn)).on(deps_of(request).today()).version_of(key))


@router.put("/v1/kpis/{key}", summary="Publish a KPI definition as its next version, for all time")
async def publish_kpi(
    request: Request,
    response: Response,
    key: str,
    caller: Annotated[Caller, Depends(requires("kpis.define"))],
    body: Annotated[dict[str, Any], Body(examples=[EXAMPLE])],
) -> dict[str, Any]:
    """The short way, without a draft. 202: much has to be made from facts first; the version's own page says how far
    that has come, and it holds when it is done."""
    deps = deps_of(request)
    async with deps.database.transaction() as conn:
        published = await define.publish(conn, key, body, deps.clock.now(), caller.subject)
    response.status_code = status_of(published)
    return told(published)


def status_of(published: Published) -> int:
    """200, or 202 for a version that waits until it is made."""
    return 202 if published.status in ("waiting", "building") else 200


def told(published: Published) -> dict[str, Any]:
    """A version as it is told."""
    body: dict[str, Any] = msgspec.to_builtins(published.definition)
    return body | {
        "version": published.version,
        "published_at": published.published_at,
        "published_by": published.published_by,
        "valid_from": published.valid_from,
        "status": published.status,
    }
