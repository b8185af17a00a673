"""KPI values over HTTP: periods, ranges by grain, trailing windows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from contracts.kpi import SubjectKind
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.periods import Grain, Window, named, split, trailing
from services.kpi.domain.values import plain
from services.kpi.handlers import read_values
from services.kpi.handlers.read_values import Question
from services.kpi.routes.asking import LIMIT_MAX, PageQuery, counted, deps_of, sight_of

router = APIRouter()
CELLS_MAX = 20_000
TRAILING_DAYS_MAX = 3_660


class ValuesQuery(PageQuery):
    """Which subjects, over which period: ``period``, or ``from`` and ``to``, or ``trailing_days`` and ``as_of``."""

    subject_kind: SubjectKind
    subject: Annotated[list[str] | None, Field(max_length=LIMIT_MAX)] = None
    period: str | None = None
    since: Annotated[dt.date | None, Field(alias="from")] = None
    to: dt.date | None = None
    grain: Grain | None = None
    trailing_days: Annotated[int | None, Field(ge=1, le=TRAILING_DAYS_MAX)] = None
    as_of: dt.date | None = None
    after: Annotated[str | None, Field(max_length=2_000)] = None


@router.get("/v1/kpis/{key}/values", summary="The values of a KPI over periods, for the subjects in your scope")
async def read_kpi_values(
    request: Request,
    key: str,
    caller: Annotated[Caller, Depends(requires("kpis.read"))],
    query: Annotated[ValuesQuery, Query()],
) -> dict[str, Any]:
    deps = deps_of(request)
    await counted(deps, query.after)
    windows = _windows(query, deps.clock.now().astimezone(deps.zone).date())
    limit = max(1, min(query.limit, CELLS_MAX // len(windows)))
    question = Question(query.subject_kind, query.subject, windows)
    async with deps.database.transaction("repeatable_read", readonly=True) as conn:
        page = await read_values.read_values(conn, key, question, sight_of(caller, "kpis.read"), query.cursor, limit)
    return {
        "kpi": key,
        "version": page.published.version,
        "unit": page.published.definition.unit,
        "as_of": page.as_of,
        "items": [_answer(query.subject_kind, a) for a in page.answers],
        "next_cursor": page.next_cursor,
    }


def _windows(query: ValuesQuery, today: dt.date) -> list[Window]:
    ways = [query.period is not None, query.since is not None or query.to is not None, query.trailing_days is not None]
    if sum(ways) != 1 or (query.since is None) != (query.to is None):
        raise BadQuestion("say either period, or from and to, or trailing_days (with as_of)")
    if query.as_of is not None and query.trailing_days is None:
        raise BadQuestion("as_of belongs to trailing_days")
    if query.trailing_days is not None:
        if query.grain is not None:
            raise BadQuestion("trailing_days is one window: it has no grain")
        return [trailing(query.trailing_days, query.as_of or today)]
    if query.period is not None:
        window = named(query.period)
        return split(window.start, window.end, query.grain) if query.grain else [window]
    assert query.since is not None
    assert query.to is not None
    return split(query.since, query.to, query.grain)


def _answer(kind: str, answer: read_values.Answer) -> dict[str, Any]:
    value = answer.value
    return {
        "subject_kind": kind,
        "subject": answer.subject,
        "period": answer.window.name,
        "from": answer.window.start,
        "to": answer.window.end,
        "value": value.text,
        "numerator": plain(value.numerator),
        "denominator": None if value.denominator is None else plain(value.denominator),
        "null_reason": value.null_reason,
    }
