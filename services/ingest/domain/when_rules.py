"""Days and instants inside the data: they exist, and lie where such a thing can lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from contracts.sales import day_or_instant
from services.ingest.domain.door import DATA, FUTURE_DAYS_MAX, Door, Rule
from services.ingest.domain.faults import Fault, shown
from services.ingest.domain.said import Said

DUE_DAYS_MAX = 3660
"""What is planned lies within ten years."""


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


OPENED_AT = Rule(DATA + "|/data/opened_at", _lies("opened_at", FUTURE_DAYS_MAX))
DUE_AT = Rule(DATA + "|/data/due_at", _lies("due_at", DUE_DAYS_MAX))
