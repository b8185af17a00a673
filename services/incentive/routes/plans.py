"""Plans over HTTP: published as versions, checked before."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Depends, Path, Query, Request

from chassis.tokens import Caller, requires
from services.incentive.domain.errors import BadQuestion, PlanNotFound
from services.incentive.handlers import decide, read
from services.incentive.routes.asking import (
    PageQuery,
    deps_of,
    may_write,
    page,
    position_of,
    read_cursor,
    sight_of,
    write_cursor,
)

router = APIRouter()
KEY = "^[a-z][a-z0-9_-]{0,63}$"
Key = Annotated[str, Path(pattern=KEY)]
Document = Annotated[dict[str, Any], Body()]


@router.post("/v1/plans/validate", summary="Check a plan without publishing it")
async def validate_plan(
    caller: Annotated[Caller, Depends(requires("plans.write"))], document: Document
) -> dict[str, Any]:
    _refuse_no_text(document)
    plan = decide.check_plan(document)
    return {"valid": True, "components": [{"key": c.key, "kind": c.kind} for c in plan.components]}


@router.put("/v1/plans/{key}", summary="Publish a plan as its next version")
async def publish_plan(
    request: Request, key: Key, caller: Annotated[Caller, Depends(requires("plans.write"))], document: Document
) -> dict[str, Any]:
    may_write(caller, "plans.write")
    _refuse_no_text(document)
    deps = deps_of(request)
    async with deps.database.transaction() as conn:
        published, mark = await decide.publish_plan(conn, key, document, deps.clock.now(), caller.subject)
    return _version(published) | {"position": position_of(mark)}


@router.get("/v1/plans", summary="The plans in your scope, each in its newest version")
async def list_plans(
    request: Request,
    caller: Annotated[Caller, Depends(requires("plans.read"))],
    query: Annotated[PageQuery, Query()],
) -> dict[str, Any]:
    (after,) = read_cursor(query.cursor, tuple[str]) or ("",)
    async with deps_of(request).database.transaction(readonly=True) as conn:
        found = [p for p in await read.plans(conn, sight_of(caller, "plans.read")) if p.key > after]
    shown = found[: query.limit]
    last = write_cursor(shown[-1].key) if shown else ""
    return page([_version(plan) for plan in shown], len(found) > query.limit, last)


@router.get("/v1/plans/{key}", summary="A plan with all of its versions")
async def read_plan(
    request: Request, key: str, caller: Annotated[Caller, Depends(requires("plans.read"))]
) -> dict[str, Any]:
    if not re.fullmatch(KEY, key):
        raise PlanNotFound(f"there is no plan {key!r}")
    async with deps_of(request).database.transaction(readonly=True) as conn:
        versions = await read.plan(conn, sight_of(caller, "plans.read"), key)
    return _version(versions[-1]) | {"versions": [_version(version) for version in versions]}


def _refuse_no_text(document: dict[str, Any]) -> None:
    """JSON can spell half a character, which no store can keep."""
    try:
        msgspec.json.encode(document)
    except (UnicodeEncodeError, RecursionError) as error:
        raise BadQuestion("the plan is nested too deeply, or has text that is no Unicode") from error


def _version(plan: read.PlanVersion) -> dict[str, Any]:
    return {
        "key": plan.key,
        "version": plan.version,
        "plan": msgspec.json.decode(plan.document),
        "published_at": plan.published_at,
        "published_by": plan.published_by,
    }
