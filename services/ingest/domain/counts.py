"""Counting what the door did not take as it was sent, per day, source, event type and rep."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from services.ingest.domain.faults import storable

What = Literal["duplicate", "quarantined", "conflict", "resolved", "discarded"]
WHATS: tuple[What, ...] = ("duplicate", "quarantined", "conflict", "resolved", "discarded")
EVERYBODY = ""
"""Stands where a rep would: the event counts there once, whoever it credits."""
REPS_MAX = 100


class Place(NamedTuple):
    """What a count is of; ``day`` is local."""

    day: dt.date
    source: str
    type: str
    rep_id: str


@dataclass
class Counts:
    """What one transaction adds to the counts of a day."""

    day: dt.date
    added: dict[Place, Counter[What]] = field(default_factory=dict)

    def add(self, what: What, source: str, type: str, reps: Iterable[str]) -> None:
        """One event more, once for everybody and once for each of its reps."""
        for rep_id in (EVERYBODY, *reps):
            self.added.setdefault(Place(self.day, source, type, rep_id), Counter())[what] += 1


def reps_of(data: Any) -> tuple[str, ...]:
    """Whom an event's data credits, as far as that can be read of faulty data; sorted, each once, REPS_MAX at most."""
    if not isinstance(data, dict):
        return ()
    credits = data.get("credits")
    places = [data, *credits] if isinstance(credits, list) else [data]
    named = [place.get("rep_id") for place in places if isinstance(place, dict)]
    return tuple(sorted({storable(rep) for rep in named if isinstance(rep, str) and rep}))[:REPS_MAX]
