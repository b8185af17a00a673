"""Windows of local days: half-open pairs (first day, day after the last)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

Window = tuple[dt.date, dt.date]
DAY = dt.timedelta(days=1)
TRAILING = "trailing"
GRAINS = ("day", "week", "month", "quarter", "year")


def month_start(year: int, month: int) -> dt.date:
    """The first day of a month; months run on: month 13 is January of the next year, month 0 December before."""
    return dt.date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1)


def containing(grain: str, day: dt.date) -> Window:
    """The calendar day, ISO week, month, quarter or year that a day falls in."""
    if grain == "day":
        return day, day + DAY
    if grain == "week":
        monday = day - day.weekday() * DAY
        return monday, monday + 7 * DAY
    months = {"month": 1, "quarter": 3, "year": 12}[grain]
    first = (day.month - 1) // months * months + 1
    return month_start(day.year, first), month_start(day.year, first + months)


def between(grain: str, first: dt.date, end: dt.date) -> Iterator[Window]:
    """The calendar periods from the one that starts on ``first`` until ``end``."""
    while first < end:
        window = containing(grain, first)
        assert window[0] == first, f"{first} starts no {grain}"
        yield window
        first = window[1]


def before(grain: str | None, window: Window) -> Window:
    """The preceding period of the same grain; before TRAILING days, and days that make no calendar period, as many days
    just before."""
    first, end = window
    if grain == TRAILING:
        return first - (end - first), first
    grain = grain or next((g for g in GRAINS if containing(g, first) == window), None)
    return containing(grain, first - DAY) if grain else (first - (end - first), first)


def trailing(days: int, last: dt.date) -> Window:
    """The trailing days that end with, and include, the day asked for."""
    return last - (days - 1) * DAY, last + DAY


def name(grain: str, window: Window) -> str:
    """A calendar period as it is written: 2012, 2012-Q4, 2012-03, 2012-W09, 2012-03-05."""
    first = window[0]
    if grain == "week":
        year, week, _ = first.isocalendar()
        return f"{year}-W{week:02}"
    written = {"year": f"{first:%Y}", "quarter": f"{first:%Y}-Q{(first.month + 2) // 3}", "month": f"{first:%Y-%m}"}
    return written.get(grain, first.isoformat())
