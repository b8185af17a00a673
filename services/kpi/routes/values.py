"""KPI values over HTTP: periods, ranges by grain, trailing windows."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from contracts.kpi import SubjectKind
from services.kpi.domain.definitions import Compare
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.narrowing import FILTER_BYTES_MAX, GROUP_FIELDS_MAX, read_filter
from services.kpi.domain.periods import AnyGrain, Window, containing, named, split, trailing, trailing_months
from services.kpi.domain.values import plain, rounded, shown
from services.kpi.handlers import read_values
from services.kpi.handlers.compute import Answer
from services.kpi.handlers.read_values import Question
from services.kpi.routes.asking import LIMIT_MAX, PageQuery, counted, deps_of, sight_of

router = APIRouter()
CELLS_MAX = 20_000
TRAILING_DAYS_MAX, TRAILING_MONTHS_MAX = 3_660, 120
GROUP_BY = "fields of the KPI's facts to split each value up by, such as `attributes.channel` or `product`"
FILTER = "a condition, as in a definition's `where`, that picks the facts to count"
EXAMPLE = '{"field": "attributes.channel", "operator": "eq", "value": "web"}'
COMPARE = "beside each value that of the period before, or of the year before, and the change"


class ValuesQuery(PageQuery):
    """Which subjects, over which period: ``period``, or ``from`` and ``to``, or ``to_date`` (a grain), or
    ``trailing_days``, or ``trailing_months``. A window ends at the day ``as_of`` (today)."""

    subject_kind: SubjectKind
    subject: Annotated[list[str] | None, Field(max_length=LIMIT_MAX)] = None
    period: str | None = None
    since: Annotated[dt.date | None, Field(alias="from")] = None
    to: dt.date | None = None
    grain: AnyGrain | None = None
    to_date: AnyGrain | None = None
    trailing_days: Annotated[int | None, Field(ge=1, le=TRAILING_DAYS_MAX)] = None
    trailing_months: Annotated[int | None, Field(ge=1, le=TRAILING_MONTHS_MAX)] = None
    as_of: dt.date | None = None
    group_by: Annotated[list[str] | None, Field(max_length=GROUP_FIELDS_MAX, description=GROUP_BY)] = None
    filter: Annotated[str | None, Field(max_length=FILTER_BYTES_MAX, description=FILTER, examples=[EXAMPLE])] = None
    compare: Annotated[Compare | None, Field(description=COMPARE)] = None
    completeness: Annotated[bool, Field(description="say also what may still change the answer")] = False
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
    as_of = query.as_of or deps.today()
    windows = _windows(query, as_of, deps.fiscal_month)
    limit = max(1, min(query.limit, CELLS_MAX // len(windows)))
    where = read_filter(query.filter) if query.filter is not None else None
    by = tuple(query.group_by or ())
    question = Question(query.subject_kind, query.subject, windows, as_of, by, where, query.compare, query.completeness)
    async with deps.database.transaction("repeatable_read", readonly=True) as conn:
        page = await read_values.read_values(conn, key, question, sight_of(caller, "kpis.read"), query.cursor, limit)
    return {
        "kpi": key,
        "version": page.published.version,
        "unit": page.published.definition.unit,
        "as_of": page.as_of,
        **({"completeness": asdict(page.completeness)} if page.completeness else {}),
        "items": [_answer(query, a) for a in page.answers],
        "next_cursor": page.next_cursor,
    }


def _windows(query: ValuesQuery, as_of: dt.date, fiscal_month: int) -> list[Window]:
    span = query.since is not None or query.to is not None
    ways = [query.period, span or None, query.to_date, query.trailing_days, query.trailing_months]
    if sum(way is not None for way in ways) != 1 or (query.since is None) != (query.to is None):
        raise BadQuestion("say one of period, from and to, to_date, trailing_days, trailing_months")
    if query.grain is not None and query.period is None and not span:
        raise BadQuestion("to_date and the trailing windows are one window each: they have no grain")
    if query.trailing_days is not None:
        return [trailing(query.trailing_days, as_of)]
    if query.trailing_months is not None:
        return [trailing_months(query.trailing_months, as_of)]
    if query.to_date is not None:
        return [containing(as_of, query.to_date, fiscal_month)]
    if query.period is not None:
        window = named(query.period, fiscal_month)
        return split(window.start, window.end, query.grain, fiscal_month) if query.grain else [window]
    assert query.since is not None
    assert query.to is not None
    return split(query.since, query.to, query.grain, fiscal_month)


def _answer(query: ValuesQuery, answer: Answer) -> dict[str, Any]:
    item = _item(query.subject_kind, answer)
    if query.group_by:
        item["group"] = dict(zip(query.group_by, answer.group, strict=True))
    if query.compare:
        item["compare"] = _change(answer)
    return item


def _change(answer: Answer) -> dict[str, Any]:
    """What the value is compared with; ``relative`` is a part of it: 0.5 is 50 % more."""
    now, before = answer.value.exact, answer.before.exact if answer.before else None
    change = None if now is None or before is None else now - before
    return {
        "value": answer.before.text if answer.before else None,
        "change": None if change is None else shown(change),
        "relative": rounded(change / abs(before)) if change is not None and before else None,
    }


def _item(kind: str, answer: Answer) -> dict[str, Any]:
    value = answer.value
    return {
        "subject_kind": kind,
        "subject": answer.subject,
        "period": answer.window.name,
        "from": answer.window.start,
        "to": answer.window.end,
        "value": value.text,
        "numerator": None if value.numerator is None else plain(value.numerator),
        "denominator": None if value.denominator is None else plain(value.denominator),
        "null_reason": value.null_reason,
    }
