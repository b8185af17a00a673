"""Which windows a changed day touches, and which begin to have a value because a day has come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from services.kpi.domain.definitions import Compare
from services.kpi.domain.measures import Average, Derived, Growth, Leaf, Measure, Ratio, Term, measures_of
from services.kpi.domain.periods import DAY, GRAINS, Window, containing, following, preceding, year_after, year_before

STOCK_DAYS_MAX = 1_100
"""A stock that changes in the past changes every day since: of those only the last three years are told again."""


def windows(term: Term, family: str, day: dt.date, today: dt.date) -> set[Window]:
    """The calendar periods begun by ``today`` whose value may differ after facts of a family changed on a day.

    ``family``: its name; empty for facts of any. A day that has not come yet changes nothing yet.
    """
    if day > today:
        return set()
    match term:
        case Leaf(measure):
            return _of_measure(measure, family, day, today)
        case Average(total, count):
            return _of_measure(total, family, day, today) | _of_measure(count, family, day, today)
        case Ratio(over, under):
            return windows(over, family, day, today) | windows(under, family, day, today)
        case Derived(_, parts):
            return set().union(*(windows(part, family, day, today) for part in parts.values()))
    touched = windows(term.of, family, day, today)
    later = {a for w in touched for a in ([following(w)] if term.compare == "previous_period" else year_after(w))}
    return touched | {w for w in later if w.start <= today}


def looking_back(term: Term) -> Iterator[tuple[Compare, Measure]]:
    """Each way in which a KPI looks back at another window, with a measure that it reads there."""
    match term:
        case Growth(of, compare):
            yield compare, next(measures_of(of))
            yield from looking_back(of)
        case Derived(_, parts):
            for part in parts.values():
                yield from looking_back(part)


def looked_back_at(since: dt.date, today: dt.date, compare: Compare) -> set[Window]:
    """What growth compares the calendar periods with that begin in ``[since, today]``."""
    begun: set[Window] = set()
    for grain in GRAINS:
        window = containing(today, grain)
        while window.start >= since:
            begun.add(window)
            window = preceding(window)
    return {preceding(w) if compare == "previous_period" else year_before(w) for w in begun}


def _of_measure(measure: Measure, family: str, day: dt.date, today: dt.date) -> set[Window]:
    if family not in ("", measure.family.name):
        return set()
    if measure.until is None:
        return {containing(day, grain) for grain in GRAINS}
    first = max(day, today - STOCK_DAYS_MAX * DAY)
    return {window for grain in GRAINS for window in _until(containing(first, grain), today)}


def _until(window: Window, today: dt.date) -> Iterator[Window]:
    while window.start <= today:
        yield window
        window = following(window)
