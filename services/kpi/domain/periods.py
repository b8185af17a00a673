"""Periods as half-open ranges of local days: calendar and fiscal ones by name, trailing windows, what came before."""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from contracts.kpi import Grain as Grain

FiscalGrain = Literal["fiscal_quarter", "fiscal_year"]
AnyGrain = Grain | FiscalGrain
GRAINS: tuple[Grain, ...] = get_args(Grain)
"""The grains that are announced: those of the calendar that everyone shares."""
WINDOWS_MAX = 1_000
_DAYS_KEPT = 20_000
"""Periods that are at hand, because they are asked for again and again: the five of some ten years' days."""

DAY = dt.timedelta(days=1)
_MONTHS: dict[AnyGrain, int] = {"month": 1, "quarter": 3, "year": 12, "fiscal_quarter": 3, "fiscal_year": 12}
_PATTERNS: dict[AnyGrain, re.Pattern[str]] = {
    "year": re.compile(r"([0-9]{4})"),
    "quarter": re.compile(r"([0-9]{4})-Q([1-4])"),
    "month": re.compile(r"([0-9]{4})-([0-9]{2})"),
    "week": re.compile(r"([0-9]{4})-W([0-9]{2})"),
    "day": re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})"),
    "fiscal_year": re.compile(r"FY([0-9]{4})"),
    "fiscal_quarter": re.compile(r"FY([0-9]{4})-Q([1-4])"),
}


class BadPeriod(Exception):
    """A period, range or grain that means nothing, or asks for more than WINDOWS_MAX windows."""


class Window(Struct, frozen=True, order=True, cache_hash=True, gc=False):
    """``[start, end)`` in local days.

    ``grain`` is set for a calendar or fiscal period: then what precedes it is a period too. ``fiscal_month`` is the
    first month of the fiscal year. ``months`` is set for the trailing months that end on the day before ``end``.
    """

    start: dt.date
    end: dt.date
    grain: AnyGrain | None = None
    fiscal_month: int = 1
    months: int | None = None

    @property
    def name(self) -> str:
        """``2026``, ``2026-Q1``, ``2026-03``, ``2026-W09``, ``2026-03-05``, ``FY2026``, ``FY2026-Q1``; else
        ``START/END``, the end excluded. A fiscal year has the number of the year that it ends in."""
        s = self.start
        match self.grain:
            case "year":
                return f"{s.year:04d}"
            case "quarter":
                return f"{s.year:04d}-Q{(s.month + 2) // 3}"
            case "month":
                return f"{s.year:04d}-{s.month:02d}"
            case "week":
                year, week, _ = s.isocalendar()
                return f"{year:04d}-W{week:02d}"
            case "day":
                return s.isoformat()
            case "fiscal_year" | "fiscal_quarter":
                whole = _containing(s, "fiscal_year", self.fiscal_month)
                quarter = f"-Q{(s.month - whole.start.month) % 12 // 3 + 1}" if self.grain == "fiscal_quarter" else ""
                return f"FY{(whole.end - DAY).year:04d}{quarter}"
        return f"{s.isoformat()}/{self.end.isoformat()}"

    def cut(self, as_of: dt.date) -> Window:
        """What of it is over at the end of a day: a window ends at its as-of day, and may be empty."""
        return self if self.end <= as_of else replace(self, end=max(self.start, as_of + DAY))

    @property
    def empty(self) -> bool:
        return self.end <= self.start


@lru_cache(maxsize=_DAYS_KEPT)
def containing(day: dt.date, grain: AnyGrain, fiscal_month: int = 1) -> Window:
    """The period that a day lies in. Raises BadPeriod at the end of time."""
    with _within_time(f"{day} lies at the end of time"):
        return _containing(day, grain, fiscal_month)


def _containing(day: dt.date, grain: AnyGrain, fiscal_month: int) -> Window:
    match grain:
        case "day":
            return Window(day, day + DAY, grain)
        case "week":
            start = day - dt.timedelta(days=day.weekday())
            return Window(start, start + 7 * DAY, grain)
    length, first_month = _MONTHS[grain], fiscal_month if grain.startswith("fiscal") else 1
    start = _plus_months(day.replace(day=1), -((day.month - first_month) % length))
    return Window(start, _plus_months(start, length), grain, first_month)


def named(name: str, fiscal_month: int = 1) -> Window:
    """The period of a name such as ``2026-Q1`` or ``FY2026``. Raises BadPeriod."""
    for grain, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(name):
            with _within_time(f"{name!r} is no period"):
                return _numbered(grain, [int(x) for x in found.groups()], fiscal_month)
    raise BadPeriod(f"{name!r} is no period: write 2026-Q1, 2026-03, 2026-W09, 2026-03-05, 2026, FY2026 or FY2026-Q1")


def _numbered(grain: AnyGrain, n: list[int], fiscal_month: int) -> Window:
    match grain:
        case "week":
            return _containing(dt.date.fromisocalendar(n[0], n[1], 1), grain, 1)
        case "quarter":
            return _containing(dt.date(n[0], 3 * n[1], 1), grain, 1)
        case "fiscal_year" | "fiscal_quarter":
            start = dt.date(n[0] - (fiscal_month > 1), fiscal_month, 1)
            return _containing(_plus_months(start, 3 * ([*n, 1][1] - 1)), grain, fiscal_month)
    return _containing(dt.date(*[*n, 1, 1][:3]), grain, 1)


def preceding(window: Window) -> Window:
    """The period before, of the same grain; the trailing months before; else the same number of days before it.

    Raises BadPeriod at the beginning of time.
    """
    with _within_time(f"nothing comes before {window.name}"):
        if window.grain:
            return _containing(window.start - DAY, window.grain, window.fiscal_month)
        if window.months:
            return trailing_months(window.months, _plus_months(window.end - DAY, -window.months))
        return Window(window.start - (window.end - window.start), window.start)


def following(window: Window) -> Window:
    """The calendar or fiscal period after, of the same grain."""
    assert window.grain
    return containing(window.end, window.grain, window.fiscal_month)


def year_before(window: Window) -> Window:
    """The same window a year earlier: the period of that number (week 53 becomes 52), the day of that date (29
    February becomes 28). Raises BadPeriod at the beginning of time."""
    with _within_time(f"there is no year before {window.name}"):
        match window.grain:
            case None:
                first, last = (_plus_months(day, -12) for day in (window.start, window.end - DAY))
                return Window(first, last + DAY, months=window.months)
            case "week":
                year, week, _ = window.start.isocalendar()
                weeks = dt.date(year - 1, 12, 28).isocalendar().week  # 28 December lies in the last week
                return containing(dt.date.fromisocalendar(year - 1, min(week, weeks), 1), "week")
        return containing(_plus_months(window.start, -12), window.grain, window.fiscal_month)


def to_same_day(before: Window, window: Window, day: dt.date) -> Window:
    """As much of the window before as is over of a window at the end of one of its days: until the same date of its
    months (a day that is not there becomes the last), of a week or a day as many days."""
    if window.grain in ("day", "week"):
        return before.cut(before.start + (day - window.start))
    months = (window.start.year - before.start.year) * 12 + window.start.month - before.start.month
    return before.cut(_plus_months(day, -months))


def year_after(window: Window) -> list[Window]:
    """The calendar periods that this one is the year before of: none, one, or (week 52, 28 February) two."""
    assert window.grain
    near = containing(window.start + 365 * DAY, window.grain)
    candidates = [near, following(near), following(following(near))]
    return [w for w in candidates if year_before(w) == window]


def split(start: dt.date, end: dt.date, grain: AnyGrain | None, fiscal_month: int = 1) -> list[Window]:
    """``[start, end)`` as one window, or as the whole periods of a grain. Raises BadPeriod."""
    if end <= start:
        raise BadPeriod("'to' must be after 'from'")
    if grain is None:
        whole = (containing(start, g) for g in reversed(GRAINS))
        return [next((w for w in whole if (w.start, w.end) == (start, end)), Window(start, end))]
    windows = [containing(start, grain, fiscal_month)]
    while windows[-1].end < end:
        if len(windows) >= WINDOWS_MAX:
            raise BadPeriod(f"more than {WINDOWS_MAX} periods: ask for a coarser grain or a shorter range")
        windows.append(following(windows[-1]))
    if windows[0].start != start or windows[-1].end != end:
        raise BadPeriod(f"from {start} to {end} does not consist of whole {grain}s")
    return windows


def trailing(days: int, as_of: dt.date) -> Window:
    """The last n days, the as-of day included. Raises BadPeriod at either end of time."""
    with _within_time(f"{days} days until {as_of} leave the calendar"):
        return Window(as_of - dt.timedelta(days=days - 1), as_of + DAY)


def trailing_months(months: int, as_of: dt.date) -> Window:
    """``(t - n months, t]``; a month that is too short clamps: 31 March less one month is the end of February.

    Raises BadPeriod at either end of time.
    """
    with _within_time(f"{months} months until {as_of} leave the calendar"):
        return Window(_plus_months(as_of, -months) + DAY, as_of + DAY, months=months)


@contextmanager
def _within_time(otherwise: str) -> Iterator[None]:
    try:
        yield
    except (OverflowError, ValueError) as error:
        raise BadPeriod(f"{otherwise}: {error}") from error


def _plus_months(day: dt.date, months: int) -> dt.date:
    """The same day of another month, or its last. Raises ValueError outside of time."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not dt.MINYEAR <= year <= dt.MAXYEAR:
        raise ValueError(f"year {year} is out of range")
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))
