"""The KPIs of opportunities, cases, surveys and follow-ups, per subject and window, straight from their definitions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from fractions import Fraction

from tests.oracle import numbers
from tests.oracle.directory import Directory
from tests.oracle.kpis import COMPANY, places
from tests.oracle.periods import Window
from tests.oracle.things import Thing

Subject = tuple[str, str]
Dated = list[tuple[dt.date, Thing]]
"""Things, each with the day that puts it into a period."""


def collect(things: Iterable[Thing], directory: Directory, anchor: str) -> dict[Subject, Dated]:
    """Who has which things, dated by one of their dates; a thing counts once per subject, whoever shares it."""
    found: dict[Subject, Dated] = {}
    for thing in things:
        day = thing.days.get(anchor)
        if day is None:
            continue
        subjects = {("company", COMPANY)} | ({("territory", thing.territory)} if thing.territory else set())
        for rep in thing.reps:
            subjects |= places(rep, day, directory)
        for subject in subjects:
            found.setdefault(subject, []).append((day, thing))
    return found


def mean(name: str) -> Callable[[list[Thing]], Fraction | None]:
    """The mean of a number over those that have it; nothing over nothing."""

    def of(things: list[Thing]) -> Fraction | None:
        known = [n for t in things if (n := t.numbers.get(name)) is not None]
        return sum(known, Fraction(0)) / len(known) if known else None

    return of


def part(counts: Callable[[Thing], bool], among: Callable[[Thing], bool]) -> Callable[[list[Thing]], Fraction | None]:
    """The share of those that count."""

    def of(things: list[Thing]) -> Fraction | None:
        all_of_them = [t for t in things if among(t)]
        return Fraction(sum(counts(t) for t in all_of_them), len(all_of_them)) if all_of_them else None

    return of


KPIS: dict[str, tuple[str, str, Callable[[list[Thing]], Fraction | None]]] = {
    "sales_cycle": ("opportunity", "won_at", mean("cycle_days")),
    "average_deal_size": ("opportunity", "won_at", mean("amount")),
    "win_rate": ("opportunity", "closed_at", part(lambda t: t.status == "won", lambda t: True)),
    "first_response_time": ("case", "responded_at", mean("first_response_seconds")),
    "resolution_time": ("case", "resolved_at", mean("resolution_seconds")),
    "customer_satisfaction": (
        "survey",
        "day",
        part(lambda t: t.numbers["satisfied"] == 1, lambda t: t.numbers["satisfied"] is not None),
    ),
    "mean_score": ("survey", "day", mean("score")),
    "follow_up_rate": (
        "followup",
        "due_at",
        part(lambda t: t.numbers["in_time"] == 1, lambda t: t.status != "cancelled"),
    ),
}
"""Per KPI: over which things, dated by what, and its value."""


def values(
    kpi: str, kind: str, things: Iterable[Thing], directory: Directory, windows: list[Window], as_of: dt.date
) -> dict[tuple[str, Window], str | None]:
    """A KPI of every subject of a kind that has something in a window; windows end at the as-of day."""
    over, anchor, value = KPIS[kpi]
    have = collect((t for t in things if t.kind == over), directory, anchor)
    found = {}
    for (of_kind, subject), dated in have.items():
        for first, end in windows if of_kind == kind else ():
            inside = [t for day, t in dated if first <= day < min(end, as_of + dt.timedelta(days=1))]
            if inside:
                found[subject, (first, end)] = numbers.ratio(value(inside))
    return found


def pipeline(
    kind: str, things: Iterable[Thing], directory: Directory, last_days: Iterable[dt.date]
) -> dict[tuple[str, dt.date], Fraction]:
    """What is open at the end of each day: opened and not closed by then. Places are those of the opening."""
    have = collect((t for t in things if t.kind == "opportunity"), directory, "opened_at")
    found = {}
    for (of_kind, subject), dated in have.items():
        for last in last_days if of_kind == kind else ():
            open_then = [
                t for day, t in dated if day <= last and ((closed := t.days["closed_at"]) is None or closed > last)
            ]
            if open_then:
                found[subject, last] = sum((t.numbers["amount"] or Fraction(0) for t in open_then), Fraction(0))
    return found
