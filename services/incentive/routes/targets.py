"""Targets over HTTP."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.settings import CurrencyCode
from chassis.tokens import Caller, requires
from contracts.kpi import COMPANY, SubjectKind
from services.incentive.domain.errors import BadItems
from services.incentive.domain.plans import PlanFault
from services.incentive.domain.windows import Days
from services.incentive.handlers import decide, read
from services.incentive.routes.asking import (
    ITEMS_MAX,
    Amount,
    Identifier,
    PageQuery,
    Strict,
    deps_of,
    may_write,
    page,
    position_of,
    read_cursor,
    sight_of,
    write_cursor,
)

router = APIRouter()


class TargetItem(Strict):
    """What is expected of a subject over ``[from, to)`` (local days); ``value`` is an exact decimal."""

    kpi: Identifier
    subject_kind: SubjectKind
    subject: Identifier
    since: Annotated[dt.date, Field(alias="from")]
    to: dt.date
    value: Amount
    currency: CurrencyCode | None = None


class Targets(Strict):
    """Targets to set, all or none."""

    items: Annotated[list[TargetItem], Field(min_length=1, max_length=ITEMS_MAX)]


class TargetsQuery(PageQuery):
    """Which targets: those whose windows lie within ``[from, to)``."""

    kpi: Identifier | None = None
    subject_kind: SubjectKind | None = None
    subject: Identifier | None = None
    since: Annotated[dt.date | None, Field(alias="from")] = None
    to: dt.date | None = None


@router.post("/v1/targets", summary="Set targets: an upsert by kpi, subject and window")
async def set_targets(
    request: Request, caller: Annotated[Caller, Depends(requires("targets.write"))], body: Targets
) -> dict[str, Any]:
    may_write(caller, "targets.write")
    _refuse_senseless(body)
    items = [
        decide.new_target(i.kpi, i.subject_kind, i.subject, Days(i.since, i.to), i.currency, i.value)
        for i in body.items
    ]
    deps = deps_of(request)
    async with deps.database.transaction() as conn:
        decided = await decide.set_targets(conn, items, deps.clock.now(), caller.subject)
    shown = [{"key": key, "outcome": outcome} for key, outcome in decided.outcomes]
    return {"items": shown, "position": position_of(decided.mark)}


@router.get("/v1/targets", summary="The targets in your scope")
async def list_targets(
    request: Request,
    caller: Annotated[Caller, Depends(requires("targets.read"))],
    query: Annotated[TargetsQuery, Query()],
) -> dict[str, Any]:
    (after,) = read_cursor(query.cursor, tuple[str]) or ("",)
    filters = query.model_dump(exclude={"limit", "cursor"})
    async with deps_of(request).database.transaction(readonly=True) as conn:
        found = await read.targets(conn, sight_of(caller, "targets.read"), filters, after, query.limit + 1)
    shown = found[: query.limit]
    last = write_cursor(shown[-1].target_id) if shown else ""
    return page([_target(target) for target in shown], len(found) > query.limit, last)


def _refuse_senseless(body: Targets) -> None:
    """What is wrong with a target whatever KPIs and people there are."""
    empty = [
        PlanFault(f"/items/{index}/to", "empty-interval", "'to' must be after 'from'")
        for index, item in enumerate(body.items)
        if item.to <= item.since
    ]
    foreign = [
        PlanFault(f"/items/{index}/subject", "unknown-subject", f"the only company is {COMPANY!r}")
        for index, item in enumerate(body.items)
        if item.subject_kind == "company" and item.subject != COMPANY
    ]
    if faults := empty + foreign:
        raise BadItems(faults)


def _target(target: read.TargetSet) -> dict[str, Any]:
    return {
        "target_id": target.target_id,
        "kpi": target.kpi,
        "subject_kind": target.subject_kind,
        "subject": target.subject,
        "from": target.window.since,
        "to": target.window.until,
        "value": target.value,
        "currency": target.currency,
        "version": target.version,
    }
