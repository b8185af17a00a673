"""How values are asked for over HTTP, and how one is told: subjects, periods, ranges by grain, trailing windows."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from pydantic import Field

from contracts.kpi import SubjectKind
from services.kpi.domain.periods import AnyGrain, Window
from services.kpi.domain.timing import TRAILING_DAYS_MAX, TRAILING_MONTHS_MAX, Timing, windows
from services.kpi.domain.values import Value, change, plain
from services.kpi.handlers.compute import Answer
from services.kpi.routes.asking import LIMIT_MAX, PageQuery

PERIOD = "such as `2026-Q1`, `2026-03`, `FY2026`, or `this_month`, `last_quarter`, `last_12_months`"


class WindowQuery(PageQuery):
    """Over which window: ``period``, or ``from`` and ``to``, or ``to_date`` (a grain), or ``trailing_days``, or
    ``trailing_months``. It ends at the day ``as_of`` (today). ``after``: a position to be counted first."""

    period: Annotated[str | None, Field(max_length=40, description=PERIOD)] = None
    since: Annotated[dt.date | None, Field(alias="from")] = None
    to: dt.date | None = None
    to_date: AnyGrain | None = None
    trailing_days: Annotated[int | None, Field(ge=1, le=TRAILING_DAYS_MAX)] = None
    trailing_months: Annotated[int | None, Field(ge=1, le=TRAILING_MONTHS_MAX)] = None
    as_of: dt.date | None = None
    after: Annotated[str | None, Field(max_length=2_000)] = None


class WindowsQuery(WindowQuery):
    """Which subjects, and by which ``grain`` a period or a range is split up."""

    subject_kind: SubjectKind
    subject: Annotated[list[str] | None, Field(max_length=LIMIT_MAX)] = None
    grain: AnyGrain | None = None


def windows_of(query: WindowQuery, as_of: dt.date, fiscal_month: int) -> list[Window]:
    """The windows that are asked for. Raises BadQuestion, BadPeriod."""
    said = {name: getattr(query, name, None) for name in Timing.__struct_fields__}
    return windows(Timing(**said), as_of, fiscal_month)


def place(kind: str, subject: str, window: Window) -> dict[str, Any]:
    """Of whom and when a value is."""
    return {
        "subject_kind": kind,
        "subject": subject,
        "period": window.name,
        "from": window.start,
        "to": window.end,
    }


def value_shown(value: Value) -> dict[str, Any]:
    """A value with what it is made of: money and counts as exact text; null with its reason."""
    return {
        "value": value.text,
        "numerator": None if value.numerator is None else plain(value.numerator),
        "denominator": None if value.denominator is None else plain(value.denominator),
        "null_reason": value.null_reason,
    }


def value_item(kind: str, answer: Answer) -> dict[str, Any]:
    """A value with its place."""
    return place(kind, answer.subject, answer.window) | value_shown(answer.value)


def change_shown(answer: Answer) -> dict[str, Any]:
    """What the value is compared with; ``relative`` is a part of it: 0.5 is 50 % more; ``null_reason`` says why one
    of the three is null."""
    found = change(answer.value, answer.before)
    return {
        "value": found.before.text if found.before else None,
        "change": found.change,
        "relative": found.relative,
        "null_reason": found.null_reason,
    }
