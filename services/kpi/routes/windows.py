"""How values are asked for over HTTP, and how one is told: subjects, periods, ranges by grain, trailing windows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from contracts.kpi import SubjectKind
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.periods import AnyGrain, Window, containing, named, split, trailing, trailing_months
from services.kpi.domain.values import plain
from services.kpi.handlers.compute import Answer
from services.kpi.routes.asking import LIMIT_MAX, PageQuery

TRAILING_DAYS_MAX, TRAILING_MONTHS_MAX = 3_660, 120


class WindowsQuery(PageQuery):
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
    after: Annotated[str | None, Field(max_length=2_000)] = None


def windows_of(query: WindowsQuery, as_of: dt.date, fiscal_month: int) -> list[Window]:
    """The windows that are asked for. Raises BadQuestion, BadPeriod."""
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


def value_item(kind: str, answer: Answer) -> dict[str, Any]:
    """A value as it is told: money and counts as exact text."""
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
