"""Payees' parameters over HTTP: dated rates, bonuses and whatever else a plan names."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from services.incentive.domain.errors import BadItems
from services.incentive.domain.plans import PlanFault
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
RESERVED = ("target",)
"""Names with a meaning of their own in a plan's formulas."""


class ParameterItem(Strict):
    """A payee's value over ``[valid_from, valid_to)``; of those that hold on a day, the one that began last counts."""

    payee_id: Identifier
    name: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]
    value: Amount
    valid_from: dt.date
    valid_to: dt.date | None = None


class Parameters(Strict):
    """Values to set, all or none."""

    items: Annotated[list[ParameterItem], Field(min_length=1, max_length=ITEMS_MAX)]


class ParametersQuery(PageQuery):
    """Whose values."""

    payee: Identifier | None = None
    name: Identifier | None = None


@router.post("/v1/payee-parameters", summary="Set payees' dated values: an upsert by payee, name and first day")
async def set_parameters(
    request: Request, caller: Annotated[Caller, Depends(requires("parameters.write"))], body: Parameters
) -> dict[str, Any]:
    may_write(caller, "parameters.write")
    _refuse_faulty(body)
    items = [read.ParameterSet(i.payee_id, i.name, i.valid_from, i.valid_to, i.value, version=0) for i in body.items]
    deps = deps_of(request)
    async with deps.database.transaction() as conn:
        decided = await decide.set_parameters(conn, items, deps.clock.now(), caller.subject)
    shown = [{"key": key, "outcome": outcome} for key, outcome in decided.outcomes]
    return {"items": shown, "position": position_of(decided.mark)}


@router.get("/v1/payee-parameters", summary="The payees' dated values in your scope")
async def list_parameters(
    request: Request,
    caller: Annotated[Caller, Depends(requires("parameters.read"))],
    query: Annotated[ParametersQuery, Query()],
) -> dict[str, Any]:
    after = read_cursor(query.cursor, tuple[str, str, dt.date])
    sight = sight_of(caller, "parameters.read")
    async with deps_of(request).database.transaction(readonly=True) as conn:
        found = await read.parameters(conn, sight, query.payee, query.name, after, query.limit + 1)
    shown = found[: query.limit]
    last = write_cursor(*shown[-1].key) if shown else ""
    return page([_parameter(parameter) for parameter in shown], len(found) > query.limit, last)


def _refuse_faulty(body: Parameters) -> None:
    faults = []
    for index, item in enumerate(body.items):
        if item.valid_to is not None and item.valid_to <= item.valid_from:
            faults.append(PlanFault(f"/items/{index}/valid_to", "empty-interval", "valid_to must be after valid_from"))
        if item.name in RESERVED:
            faults.append(
                PlanFault(f"/items/{index}/name", "reserved", f"{item.name!r} means something else in a plan")
            )
    if faults:
        raise BadItems(faults)


def _parameter(parameter: read.ParameterSet) -> dict[str, Any]:
    return {
        "payee_id": parameter.payee_id,
        "name": parameter.name,
        "value": parameter.value,
        "valid_from": parameter.valid_from,
        "valid_to": parameter.valid_to,
        "version": parameter.version,
    }
