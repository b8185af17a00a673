"""Periods as half-open ranges of local days: calendar periods by name, trailing windows, and what came before."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Literal, get_args

Grain = Literal["day", "week", "month", "quarter", "year"]
GRAINS: tuple[Grain, ...] = get_args(Grain)
WINDOWS_MAX = 1_000

DAY = dt.timedelta(days=1)
_PATTERNS: dict[Grain, re.Pattern[str]] = {
    "year": re.compile(r"(\d{4})"),
    "quarter": re.compile(r"(\d{4})-Q([1-4])"),
    "month": re.compile(r"(\d{4})-(\d{2})"),
    "week": re.compile(r"(\d{4})-W(\d{2})"),
    "day": re.compile(r"(\d{4})-(\d{2})-(\d{2})"),
}


class BadPeriod(Exception):
    """A period, range or grain that means nothing, or asks for more than WINDOWS_MAX windows."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """``[start, end)`` in local days. ``grain`` is set for a calendar period: then what precedes it is a period too."""

    start: dt.date
    end: dt.date
    grain: Grain | None = None

    @property
    def name(self) -> str:
        """``2026``, ``2026-Q1``, ``2026-03``, ``2026-W09``, ``2026-03-05``; else ``START/END``, the end excluded."""
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
        return f"{s.isoformat()}/{self.end.isoformat()}"


def containing(day: dt.date, grain: Grain) -> Window:
    """The calendar period that a day lies in. Raises BadPeriod at the end of time."""
    try:
        match grain:
            case "day":
                return Window(day, day + DAY, grain)
            case "week":
                start = day - dt.timedelta(days=day.weekday())
                return Window(start, start + 7 * DAY, grain)
        months = {"month": 1, "quarter": 3, "year": 12}[grain]
        first = day.replace(day=1, month=(day.month - 1) // months * months + 1)
        month = first.month + months
        return Window(first, first.replace(year=first.year + (month > 12), month=(month - 1) % 12 + 1), grain)
    except (OverflowError, ValueError) as error:
        raise BadPeriod(f"{day} lies at the end of time") from error


def named(name: str) -> Window:
    """The period of a name such as ``2026-Q1``. Raises BadPeriod."""
    for grain, pattern in _PATTERNS.items():
        if found := pattern.fullmatch(name):
            n = [int(x) for x in found.groups()]
            try:
                match grain:
                    case "week":
                        return containing(dt.date.fromisocalendar(n[0], n[1], 1), grain)
                    case "quarter":
                        return containing(dt.date(n[0], 3 * n[1], 1), grain)
                return containing(dt.date(*[*n, 1, 1][:3]), grain)
            except ValueError as error:
                raise BadPeriod(f"{name!r} is no period: {error}") from error
    raise BadPeriod(f"{name!r} is no period: write 2026-Q1, 2026-03, 2026-W09, 2026-03-05 or 2026")


def preceding(window: Window) -> Window:
    """The period before, of the same grain; of a free or trailing window the same number of days before it.

    Raises BadPeriod at the beginning of time.
    """
    try:
        if window.grain:
            return containing(window.start - DAY, window.grain)
        return Window(window.start - (window.end - window.start), window.start)
    except OverflowError as error:
        raise BadPeriod(f"what precedes {window.name} lies before the beginning of time") from error


def following(window: Window) -> Window:
    """The calendar period after, of the same grain."""
    assert window.grain
    return containing(window.end, window.grain)


def split(start: dt.date, end: dt.date, grain: Grain | None) -> list[Window]:
    """``[start, end)`` as one window, or as the whole calendar periods of a grain. Raises BadPeriod."""
    if end <= start:
        raise BadPeriod("'to' must be after 'from'")
    if grain is None:
        calendar = (containing(start, g) for g in reversed(GRAINS))
        return [next((w for w in calendar if (w.start, w.end) == (start, end)), Window(start, end))]
    windows = [containing(start, grain)]
    while windows[-1].end < end:
        if len(windows) >= WINDOWS_MAX:
            raise BadPeriod(f"more than {WINDOWS_MAX} periods: ask for a coarser grain or a shorter range")
        windows.append(following(windows[-1]))
    if windows[0].start != start or windows[-1].end != end:
        raise BadPeriod(f"from {start} to {end} does not consist of whole {grain}s")
    return windows


def trailing(days: int, as_of: dt.date) -> Window:
    """The last n days, the as-of day included. Raises BadPeriod at the beginning and at the end of time."""
    try:
        return Window(as_of - dt.timedelta(days=days - 1), as_of + DAY)
    except OverflowError as error:
        raise BadPeriod(f"the {days} days up to {as_of} leave the calendar") from error
