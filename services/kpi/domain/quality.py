"""Counting the events that are read: per local day of receipt, source, event type and rep.

An event counts once for everybody and once for each rep whom it credits. These counts are authoritative: they commit
with the reader's position. What never came onto the log the door counts (contracts.quality).
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, lru_cache
from operator import attrgetter
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from contracts.envelope import Envelope
from contracts.topics import EVENT_TYPES
from services.kpi.domain.facts import LATE_AFTER

EVERYBODY = ""
"""Stands where a rep would: the event counts there once, whoever it credits."""
ENTRY_HOURS = (1, 4, 8, 24, 48, 72, 168, 336, 720)
"""Upper bounds, inclusive and in hours, of the buckets of the time from the deal to its entry; a last one has none."""
DAY = dt.timedelta(days=1)
_ENTRY_SECONDS = tuple(hours * 3600 for hours in ENTRY_HOURS)


class Place(NamedTuple):
    """What is counted; ``day`` is the local day of receipt."""

    day: dt.date
    source: str
    type: str
    rep_id: str


class Tally(Struct):
    """What one transaction adds at a place.

    ``entered`` counts by bucket the accepted events that no import brought, ``entry_seconds`` is the sum over them.
    ``missing``: how many accepted events went without each optional field.
    """

    accepted: int = 0
    duplicate: int = 0
    conflict: int = 0
    imported: int = 0
    late: int = 0
    corrections: int = 0
    entry_seconds: int = 0
    entry_seconds_max: int = 0
    entered: Counter[int] = msgspec.field(default_factory=Counter)
    missing: Counter[str] = msgspec.field(default_factory=Counter)


Said = Literal["accepted", "duplicate", "conflict"]
_NOT_ENTERED = -1
_Pattern = tuple[dt.date, str, str, tuple[str, ...], Said, tuple[bool, ...], int, bool, bool]
"""What events can have in common: day, source, type, reps, what they are, the fields they have, the bucket of their
entry (_NOT_ENTERED: an import, or not accepted), late, correction."""


@dataclass
class Tallies:
    """What one transaction adds. Events are sorted into patterns first, which are few: this is on every event's way."""

    zone: ZoneInfo
    _seconds: dict[_Pattern, list[int]] = field(default_factory=dict)
    _today: tuple[dt.datetime, dt.datetime, dt.date] | None = None

    def take(self, event: Envelope, data: Any, received_at: dt.datetime, restates: bool) -> dt.datetime:
        """Count an event that is the first of its identity; returns when its business day ended.

        ``restates``: it changes what an earlier one had said.
        """
        assert event.time is not None
        ended_at = _midnight((data.business_date or event.time.astimezone(self.zone).date()) + DAY, self.zone)
        late, seconds, bucket = False, 0, _NOT_ENTERED
        if event.importid is None:
            late = received_at > ended_at + LATE_AFTER
            happened_at = event.time if data.business_date is None else ended_at
            seconds = max(0, int((received_at - happened_at).total_seconds()))
            bucket = bisect_left(_ENTRY_SECONDS, seconds)
        present = tuple(map(bool, _optional(event.type)(data)))
        self._add(event, data, received_at, "accepted", present, bucket, late, restates, seconds)
        return ended_at

    def refused(self, event: Envelope, data: Any, received_at: dt.datetime, said: Said) -> None:
        """Count a record that says again what was counted, or has an identity that another content holds."""
        self._add(event, data, received_at, said, (), _NOT_ENTERED, False, False, 0)

    def _add(
        self,
        event: Envelope,
        data: Any,
        received_at: dt.datetime,
        said: Said,
        present: tuple[bool, ...],
        bucket: int,
        late: bool,
        restates: bool,
        seconds: int,
    ) -> None:
        day, reps = self.day(received_at), reps_of(data)
        pattern = day, event.source, event.type, reps, said, present, bucket, late, restates
        if (known := self._seconds.get(pattern)) is None:
            known = self._seconds[pattern] = [0, 0, 0]
        known[0] += 1
        known[1] += seconds
        known[2] = max(known[2], seconds)

    def rows(self) -> dict[Place, Tally]:
        """What is to be added at each place, in the order of places."""
        found: dict[Place, Tally] = {}
        for pattern, counted in self._seconds.items():
            day, source, type_, reps = pattern[:4]
            for rep_id in (EVERYBODY, *reps):
                place = Place(day, source, type_, rep_id)
                _spread(pattern, counted, found.setdefault(place, Tally()))
        return dict(sorted(found.items()))

    def day(self, instant: dt.datetime) -> dt.date:
        """The local day of an instant; one that follows another on the same day costs two comparisons."""
        if self._today is None or not self._today[0] <= instant < self._today[1]:
            day = instant.astimezone(self.zone).date()
            self._today = _midnight(day, self.zone), _midnight(day + DAY, self.zone), day
        return self._today[2]


def _spread(pattern: _Pattern, counted: list[int], tally: Tally) -> None:
    """Add the events of a pattern, given as their number and the sum and the greatest of their seconds."""
    _, _, type_, _, said, present, bucket, late, restates = pattern
    times, seconds, longest = counted
    if said == "duplicate":
        tally.duplicate += times
        return
    if said == "conflict":
        tally.conflict += times
        return
    tally.accepted += times
    tally.late += times * late
    tally.corrections += times * restates
    if bucket == _NOT_ENTERED:
        tally.imported += times
    else:
        tally.entered[bucket] += times
        tally.entry_seconds += seconds
        tally.entry_seconds_max = max(tally.entry_seconds_max, longest)
    for name, there in zip(optional_fields(type_), present, strict=True):
        if not there:
            tally.missing[name] += times


def reps_of(data: Any) -> tuple[str, ...]:
    """Whom an event credits, each once, overlays too."""
    if (credits := getattr(data, "credits", None)) is not None:
        named = tuple([credit.rep_id for credit in credits])
        return named if len(named) < 2 else tuple(dict.fromkeys(named))
    rep_id = getattr(data, "rep_id", None)
    return () if rep_id is None else (rep_id,)


@cache
def optional_fields(event_type: str) -> tuple[str, ...]:
    """The fields of a type's data that may be left out and then say nothing."""
    fields = msgspec.structs.fields(EVENT_TYPES[event_type])
    return tuple(f.name for f in fields if f.default is None or f.default_factory in (list, dict))


@cache
def _optional(event_type: str) -> Callable[[Any], tuple[Any, ...]]:
    """Reads the optional fields off data."""
    return attrgetter(*optional_fields(event_type))


@lru_cache(maxsize=10_000)
def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """In UTC, as instants of the log are: comparing two zones asks both for their offset."""
    return dt.datetime.combine(day, dt.time.min, zone).astimezone(dt.UTC)
