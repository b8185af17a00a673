"""Measurement windows: half-open ranges of local days."""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from services.incentive.domain.plans import Windows

FIRST_DAY, LAST_DAY = dt.date.min, dt.date.max
"""Stand for "always": an open end in a range of days is LAST_DAY, which no fact can have."""
_MONTHS = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True, order=True)
class Days:
    """``[since, until)``."""

    since: dt.date
    until: dt.date

    def __contains__(self, day: dt.date) -> bool:
        return self.since <= day < self.until

    def meets(self, other: Days) -> bool:
        """Whether they share a day."""
        return self.since < other.until and other.since < self.until

    def hull(self, other: Days) -> Days:
        """The smallest range over both."""
        return Days(min(self.since, other.since), max(self.until, other.until))


def just(day: dt.date) -> Days:
    """A range of one day; the last of the calendar is in no range."""
    return Days(day, min(day, LAST_DAY - dt.timedelta(days=1)) + dt.timedelta(days=1))


ALWAYS = Days(FIRST_DAY, LAST_DAY)


def windows_on(how: Windows, day: dt.date, targets: Iterable[Days]) -> list[Days]:
    """The windows that a credit of this day falls in. ``targets``: the windows of the payee's targets of ``how.kpi``;
    each of them that holds the day is a window of its own."""
    if how.by == "targets":
        return sorted({window for window in targets if day in window})
    if how.by == "boundaries":
        return [w for w in map(Days, how.boundaries, how.boundaries[1:]) if day in w]
    return [_calendar(day, _MONTHS[how.by])]


def widest(how: Windows, touched: Days, targets: Iterable[Days]) -> Days:
    """A range that covers ``touched`` and every window of this kind that shares a day with it."""
    if how.by in _MONTHS:
        first = touched.since if touched.since == FIRST_DAY else _calendar(touched.since, _MONTHS[how.by]).since
        last = touched.until if touched.until == LAST_DAY else _end(touched.until, _MONTHS[how.by])
        return Days(first, last)
    known = targets if how.by == "targets" else map(Days, how.boundaries, how.boundaries[1:])
    found = touched
    for window in known:
        found = found.hull(window) if window.meets(touched) else found
    return found


def _end(until: dt.date, months: int) -> dt.date:
    return _calendar(until - dt.timedelta(days=1), months).until


@lru_cache(maxsize=4_096)
def _calendar(day: dt.date, months: int) -> Days:
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    end = dt.date(day.year, last, calendar.monthrange(day.year, last)[1])
    return Days(dt.date(day.year, first, 1), end if end == LAST_DAY else end + dt.timedelta(days=1))
