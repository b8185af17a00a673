"""Dated rates into the reporting currency over HTTP."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from chassis.tokens import Caller, requires
from contracts.currencies import MINOR_DIGITS
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.rates import Rate
from services.kpi.handlers import set_rates
from services.kpi.routes.asking import PageQuery, deps_of

router = APIRouter()
ITEMS_MAX = 1_000
CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class RateItem(BaseModel):
    """One unit of ``currency`` is ``rate`` units of the reporting currency from ``valid_from`` until its next rate."""

    model_config = ConfigDict(extra="forbid")

    currency: CurrencyCode
    valid_from: dt.date
    rate: Annotated[str, Field(pattern=r"^[0-9]{1,10}(\.[0-9]{1,10})?$", examples=["1.0834"])]


class RateItems(BaseModel):
    """Rates to set, all or none: an upsert by currency and first day."""

    model_config = ConfigDict(extra="forbid")

    items: Annotated[list[RateItem], Field(min_length=1, max_length=ITEMS_MAX)]


class RatesQuery(PageQuery):
    """Of which currency."""

    currency: CurrencyCode | None = None


@router.post("/v1/rates", summary="Set dated rates into the reporting currency")
async def post_rates(
    request: Request, caller: Annotated[Caller, Depends(requires("rates.write"))], body: RateItems
) -> dict[str, Any]:
    deps = deps_of(request)
    items = [Rate(i.currency, i.valid_from, Decimal(i.rate)) for i in body.items]
    _check(items, deps.currency)
    async with deps.database.transaction() as conn:
        outcomes = await set_rates.set_rates(conn, items, deps.currency, deps.clock.now(), caller.subject)
    return {
        "items": [
            {"currency": i.currency, "valid_from": i.valid_from, "outcome": outcome}
            for i, outcome in zip(items, outcomes, strict=True)
        ]
    }


def _check(items: list[Rate], reporting_currency: str) -> None:
    seen = set()
    for number, item in enumerate(items):
        if item.currency not in MINOR_DIGITS:
            raise BadQuestion(f"items/{number}: {item.currency} is no ISO 4217 code")
        if item.currency == reporting_currency:
            raise BadQuestion(f"items/{number}: {reporting_currency} is the reporting currency: its rate is always 1")
        if not item.value:
            raise BadQuestion(f"items/{number}: a rate is above zero")
        if (place := (item.currency, item.valid_from)) in seen:
            raise BadQuestion(f"items/{number}: {item.currency} from {item.valid_from} stands twice")
        seen.add(place)


@router.get("/v1/rates", summary="The dated rates that hold")
async def list_rates(
    request: Request,
    caller: Annotated[Caller, Depends(requires("kpis.read"))],
    query: Annotated[RatesQuery, Query()],
) -> dict[str, Any]:
    """``restating``: a rate was set or corrected, and not every value that it touches has followed yet."""
    deps = deps_of(request)
    async with deps.database.transaction(readonly=True) as conn:
        found = await set_rates.listed(conn, query.currency, _place(query.cursor), query.limit + 1)
        restating = await set_rates.is_restating(conn)
    shown = found[: query.limit]
    last = f"{shown[-1][0].currency} {shown[-1][0].valid_from}" if len(found) > query.limit else None
    return {
        "reporting_currency": deps.currency,
        "restating": restating,
        "items": [
            {
                "currency": rate.currency,
                "valid_from": rate.valid_from,
                "rate": format(rate.value, "f"),
                "version": version,
                "decided_at": at,
                "decided_by": by,
            }
            for rate, version, at, by in shown
        ],
        "next_cursor": last,
    }


def _place(cursor: str) -> tuple[str, dt.date]:
    if not cursor:
        return "", dt.date.min
    currency, _, day = cursor.partition(" ")
    try:
        return currency, dt.date.fromisoformat(day)
    except ValueError as error:
        raise BadQuestion("'cursor' is none of ours") from error
