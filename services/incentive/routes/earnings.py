"""Earnings over HTTP: sums, lines, and the derivation of each line."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from services.incentive.domain.errors import LineNotFound
from services.incentive.domain.ids import is_derived
from services.incentive.domain.ledger import Booked
from services.incentive.domain.numbers import show_minor
from services.incentive.domain.traces import replay
from services.incentive.handlers import read
from services.incentive.routes.asking import (
    POSITION_LENGTH_MAX,
    Identifier,
    PageQuery,
    counted,
    deps_of,
    page,
    read_cursor,
    sight_of,
    write_cursor,
)

router = APIRouter()
CanRead = Annotated[Caller, Depends(requires("earnings.read"))]


class EarningsQuery(PageQuery):
    """Windows within ``[window_from, window_to)``, and what was earned on days in ``[earned_from, earned_to)``."""

    payee: Identifier | None = None
    plan: Identifier | None = None
    component: Identifier | None = None
    window_from: dt.date | None = None
    window_to: dt.date | None = None
    earned_from: dt.date | None = None
    earned_to: dt.date | None = None
    after: Annotated[str | None, Field(max_length=POSITION_LENGTH_MAX)] = None

    @property
    def choice(self) -> read.Choice:
        return read.Choice(**self.model_dump(exclude={"after", "limit", "cursor"}))


@router.get("/v1/earnings", summary="What was earned per payee, plan, component and window: sums of ledger postings")
async def list_earnings(request: Request, caller: CanRead, query: Annotated[EarningsQuery, Query()]) -> dict[str, Any]:
    deps = deps_of(request)
    await counted(deps, query.after, query.payee)
    after = read_cursor(query.cursor, tuple[str, str, str, dt.date, dt.date, str]) or read.FIRST_PLACE
    async with deps.database.transaction(readonly=True) as conn:
        found = await read.earned(conn, sight_of(caller, "earnings.read"), query.choice, after, query.limit + 1)
    shown = found[: query.limit]
    last = write_cursor(*shown[-1].place) if shown else ""
    return page([_earned(earned) for earned in shown], len(found) > query.limit, last)


@router.get("/v1/earnings/lines", summary="The lines: what each credit, or each window, earned")
async def list_lines(request: Request, caller: CanRead, query: Annotated[EarningsQuery, Query()]) -> dict[str, Any]:
    deps = deps_of(request)
    await counted(deps, query.after, query.payee)
    after = read_cursor(query.cursor, tuple[dt.date, str])
    async with deps.database.transaction(readonly=True) as conn:
        found = await read.lines(conn, sight_of(caller, "earnings.read"), query.choice, after, query.limit + 1)
    shown = found[: query.limit]
    last = write_cursor(shown[-1].earned_on, shown[-1].line_id) if shown else ""
    return page([_line(line) for line in shown], len(found) > query.limit, last)


@router.get("/v1/earnings/lines/{line_id}", summary="A line with its ledger entries")
async def read_line(request: Request, line_id: str, caller: CanRead) -> dict[str, Any]:
    opened = await _open(request, line_id, caller)
    currency = opened.line.currency
    entries = [
        {
            "entry_id": entry.entry_id,
            "sequence": entry.sequence,
            "previous_entry_id": entry.previous_entry_id,
            "kind": entry.kind,
            "plan_version": entry.plan_version,
            "postings": [
                {"account": p.account, "amount": show_minor(p.amount_minor, currency)} for p in entry.postings
            ],
            "causes": msgspec.to_builtins(entry.causes),
            "posted_at": entry.posted_at,
        }
        for entry in opened.entries
    ]
    return _line(opened.line) | {"entries": entries}


@router.get("/v1/earnings/lines/{line_id}/trace", summary="How a line came about, as data, and its replay")
async def read_trace(request: Request, line_id: str, caller: CanRead) -> dict[str, Any]:
    opened = await _open(request, line_id, caller)
    line, trace = opened.line, opened.trace
    again = replay(trace) if trace else 0  # a line that nothing stands for any more is worth nothing
    return {
        "line_id": line.line_id,
        "amount": show_minor(line.amount_minor, line.currency),
        "currency": line.currency,
        "derivation": msgspec.to_builtins(trace),
        "replayed": show_minor(again, line.currency),
        "equal": again == line.amount_minor,
    }


@router.get("/v1/ledger/balance", summary="The ledger's nets per currency and class of account")
async def read_balance(request: Request, caller: CanRead) -> dict[str, Any]:
    async with deps_of(request).database.transaction(readonly=True) as conn:
        found = await read.balance(conn, sight_of(caller, "earnings.read"))
    totals: dict[str, int] = {}
    for currency, _, net in found:
        totals[currency] = totals.get(currency, 0) + net
    return {
        "items": [{"currency": c, "account_class": kind, "net": show_minor(net, c)} for c, kind, net in found],
        "totals": [{"currency": c, "net": show_minor(net, c)} for c, net in sorted(totals.items())],
    }


async def _open(request: Request, line_id: str, caller: Caller) -> read.Opened:
    if not is_derived(line_id):
        raise LineNotFound("there is no such line")
    async with deps_of(request).database.transaction(readonly=True) as conn:
        return await read.open_line(conn, sight_of(caller, "earnings.read"), line_id)


def _earned(earned: read.Earned) -> dict[str, Any]:
    return {
        "payee_id": earned.payee_id,
        "plan": earned.plan,
        "component": earned.component,
        "window_from": earned.window.since,
        "window_to": earned.window.until,
        "currency": earned.currency,
        "amount": show_minor(earned.amount_minor, earned.currency),
    }


def _line(line: Booked) -> dict[str, Any]:
    return {
        "line_id": line.line_id,
        "payee_id": line.payee_id,
        "plan": line.plan,
        "plan_version": line.plan_version,
        "component": line.component,
        "kind": line.kind,
        "window_from": line.window.since,
        "window_to": line.window.until,
        "credit": {"order_id": line.order_id, "credit_id": line.credit_id} if line.order_id is not None else None,
        "amount": show_minor(line.amount_minor, line.currency),
        "currency": line.currency,
        "earned_on": line.earned_on,
        "entries": line.entries,
    }
