"""Data quality as one table: what is asked for, and what is read off the counts of a group."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from services.kpi.domain.quality import ENTRY_HOURS, optional_fields
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.values import rounded

GRAINS = ("day", "week", "month")
DAYS_FIRST = 8
Grouping = Literal["day", "week", "month", "source", "type", "rep"]
COUNTED = ("accepted", "duplicate", "conflict", "quarantined")
"""What becomes of an event that is sent: exactly one of these."""
SHOWN = (*COUNTED, "late", "imported", "corrections", "waiting", "unresolved", "resolved", "discarded")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Which events, received on the local days ``[since, until)``, and how they are grouped: in the order of Grouping.

    ``only_source``: the caller sees this source only.
    """

    since: dt.date
    until: dt.date
    by: tuple[Grouping, ...] = ()
    source: str | None = None
    type: str | None = None
    rep_id: str | None = None
    sight: Sight = ALL
    only_source: str | None = None

    @property
    def by_rep(self) -> bool:
        """Whether events are counted once per rep whom they credit, and not once for everybody."""
        return "rep" in self.by or self.rep_id is not None or not self.sight.everything


def in_parts(question: Question, after: Sequence[str] | None) -> Iterator[Question]:
    """The question from a key on, in parts one after the other, none of which cuts a group, each longer than the last.

    A page that is grouped by time first is found in the first of them, without summing up what lies behind it.
    """
    start, days = question.since, DAYS_FIRST
    if not question.by or question.by[0] not in GRAINS:
        days = (question.until - start).days
    elif after:
        start = max(start, dt.date.fromisoformat(after[0]))
    while start < question.until:
        end = question.until
        if (end - start).days > days:
            end = min(end, _begin(start + dt.timedelta(days), question.by[0]))
        yield replace(question, since=start, until=end)
        start, days = end, 2 * days


def _begin(day: dt.date, grain: str) -> dt.date:
    """The first day, on or after this one, that a period of the grain begins with."""
    if grain == "week":
        return day + dt.timedelta(-day.weekday() % 7)
    if grain == "month" and day.day > 1:
        return (day.replace(day=1) + dt.timedelta(32)).replace(day=1)
    return day


@dataclass(frozen=True, slots=True)
class Group:
    """The sums of a group. ``entered``: accepted events by the bucket of their hours; ``accepted_by_type``, ``missing``
    (by type and field) say how complete they were."""

    key: tuple[str, ...]
    sums: Mapping[str, int]
    entered: Sequence[int]
    accepted_by_type: Mapping[str, int]
    missing: Mapping[tuple[str, str], int]

    @property
    def shares(self) -> dict[str, str | None]:
        """Of what was sent: accepted, duplicate, conflict, quarantined; of what was accepted: late; at 6 places."""
        sent = sum(self.sums[name] for name in COUNTED)
        return {name: _share(self.sums[name], sent) for name in COUNTED} | {
            "late": _share(self.sums["late"], self.sums["accepted"])
        }

    @property
    def fields_missing(self) -> dict[str, dict[str, int | str | None]]:
        """Per optional field of the group's types: accepted events that have it in their schema, and went without."""
        found: dict[str, dict[str, int | str | None]] = {}
        of: dict[str, int] = {}
        without: dict[str, int] = {}
        for type_, accepted in self.accepted_by_type.items():
            for name in optional_fields(type_) if accepted else ():
                of[name] = of.get(name, 0) + accepted
                without[name] = without.get(name, 0) + self.missing.get((type_, name), 0)
        for name in sorted(of):
            found[name] = {"events": of[name], "missing": without[name], "share": _share(without[name], of[name])}
        return found

    @property
    def entry_hours(self) -> dict[str, int | str | None]:
        """From the deal to its entry: mean and maximum at 6 places, and a bound of the median (None: it is beyond)."""
        events = sum(self.entered)
        totals = itertools.accumulate(self.entered)
        median = next((bucket for bucket, total in enumerate(totals) if 2 * total >= events), 0)
        return {
            "events": events,
            "mean": _hours(self.sums["entry_seconds"], events),
            "median_at_most": ENTRY_HOURS[median] if events and median < len(ENTRY_HOURS) else None,
            "max": _hours(self.sums["entry_seconds_max"], min(events, 1)),
        }


def _share(part: int, whole: int) -> str | None:
    return rounded(Fraction(part, whole)) if whole else None


def _hours(seconds: int, events: int) -> str | None:
    return rounded(Fraction(seconds, 3600 * events)) if events else None
