"""Days and instants inside the data: they exist, and lie where such a thing can lie."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import msgspec

from contracts.sales import day_or_instant
from services.ingest.domain.door import DATA, FUTURE_DAYS_MAX, Door, Rule
from services.ingest.domain.faults import Fault, shown
from services.ingest.domain.said import Said

DUE_DAYS_MAX = 3660
"""What is planned lies within ten years."""
CLOCKS_DIFFER = dt.timedelta(minutes=1)
"""Two clocks of one CRM, or one that leaves out what a second has."""


def _lies(field: str, days_max: int) -> Callable[[Said, Door], Sequence[Fault]]:
    where = f"/data/{field}"

    def check(event: Said, door: Door) -> Sequence[Fault]:
        if (text := getattr(event.data, field)) is None:
            return ()
        try:
            day = door.day(day_or_instant(text))
        except msgspec.ValidationError:
            instant = len(text) > len("2026-03-31")
            code, words = ("not-an-instant", "an instant") if instant else ("not-a-date", "a date")
            return [Fault(where, code, f"{shown(text)} is not {words} that exists")]
        return door.day_faults(day, where, days_max)

    return check


def _began_first(event: Said, door: Door) -> Sequence[Fault]:
    """As readers do, by instants; by days where one of the two is known by its day alone."""
    opened_at, ended_on = event.data.opened_at, event.data.business_date
    if opened_at is None or event.time is None:
        return ()
    began, last = day_or_instant(opened_at), door.day(event.time)
    if isinstance(ended_on, str):
        ended_on = dt.date.fromisoformat(ended_on)
    if isinstance(began, dt.datetime) and ended_on in (None, last):
        late = began > event.time + CLOCKS_DIFFER
    else:
        late = door.day(began) > (ended_on or last)
    return [Fault("/data/opened_at", "opened-after-end", f"opened {opened_at}, and over before that")] if late else ()


OPENED_AT = Rule(DATA + "|/data/opened_at", _lies("opened_at", FUTURE_DAYS_MAX))
BEGAN_FIRST = Rule(DATA + "|/time|/data/(opened_at|business_date)", _began_first)
"""For an event that ends something, or a part of it, and says when that began: nothing lasts less than no time."""
DUE_AT = Rule(DATA + "|/data/due_at", _lies("due_at", DUE_DAYS_MAX))
