"""Which windows a question is about, in the words that values, facts, reports and leaderboards share."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated

from msgspec import Meta, Struct

from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.periods import (
    AnyGrain,
    Window,
    containing,
    named,
    preceding,
    split,
    trailing,
    trailing_months,
)

TRAILING_DAYS_MAX, TRAILING_MONTHS_MAX = 3_660, 120
_RELATIVE = re.compile(
    r"(?:(this)|last(?:_([1-9][0-9]{0,2}))?)_(day|week|month|quarter|year|fiscal_quarter|fiscal_year)(s?)"
)


class Timing(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True, rename={"since": "from"}
):
    """One of ``period``, ``from`` and ``to``, ``to_date``, ``trailing_days``, ``trailing_months``.

    ``period``: a name such as ``2026-Q1``, or one that moves with the as-of day: ``this_month``, ``last_quarter``,
    ``last_12_months`` (the whole ones before the month that the day lies in). ``grain`` splits a period or a range up.
    """

    period: Annotated[str, Meta(max_length=40)] | None = None
    since: dt.date | None = None
    to: dt.date | None = None
    grain: AnyGrain | None = None
    to_date: AnyGrain | None = None
    trailing_days: Annotated[int, Meta(ge=1, le=TRAILING_DAYS_MAX)] | None = None
    trailing_months: Annotated[int, Meta(ge=1, le=TRAILING_MONTHS_MAX)] | None = None


def windows(asked: Timing, as_of: dt.date, fiscal_month: int = 1) -> list[Window]:
    """The windows that are meant on a day, in their order. Raises BadQuestion, BadPeriod."""
    span = asked.since is not None or asked.to is not None
    ways = [asked.period, span or None, asked.to_date, asked.trailing_days, asked.trailing_months]
    if sum(way is not None for way in ways) != 1 or (asked.since is None) != (asked.to is None):
        raise BadQuestion("say one of period, from and to, to_date, trailing_days, trailing_months")
    if asked.grain is not None and asked.period is None and not span:
        raise BadQuestion("to_date and the trailing windows are one window each: they have no grain")
    if asked.trailing_days is not None:
        return [trailing(asked.trailing_days, as_of)]
    if asked.trailing_months is not None:
        return [trailing_months(asked.trailing_months, as_of)]
    if asked.to_date is not None:
        return [containing(as_of, asked.to_date, fiscal_month)]
    if asked.period is not None:
        return _named(asked.period, asked.grain, as_of, fiscal_month)
    assert asked.since is not None
    assert asked.to is not None
    return split(asked.since, asked.to, asked.grain, fiscal_month)


def _named(name: str, grain: AnyGrain | None, as_of: dt.date, fiscal_month: int) -> list[Window]:
    moving = _relative(name, as_of, fiscal_month)
    window = moving or named(name, fiscal_month)
    if grain is None:
        return [window] if window.grain else split(window.start, window.end, None)
    parts = split(window.start, window.end, grain, fiscal_month)
    return [part for part in parts if part.start <= as_of] if moving else parts  # what has begun of this year, say


def _relative(name: str, as_of: dt.date, fiscal_month: int) -> Window | None:
    """The period of a name that moves with the day; None for any other name."""
    found = _RELATIVE.fullmatch(name)
    if not found or (found[4] == "s") != (found[2] is not None):
        return None
    grain: AnyGrain = found[3]  # type: ignore[assignment]
    now = containing(as_of, grain, fiscal_month)
    if found[1]:
        return now
    first = before = preceding(now)
    for _ in range(int(found[2] or 1) - 1):
        first = preceding(first)
    return before if first == before else Window(first.start, before.end)
