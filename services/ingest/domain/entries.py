"""Entries of the quarantine: events that were not accepted, and what was done about each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from services.ingest.domain.faults import Fault, storable
from services.ingest.domain.outcomes import Outcome

EntryOutcome = Literal["quarantined", "conflict"]
State = Literal["open", "resolved", "discarded"]
Action = Literal["corrected", "resubmitted", "discarded", "appended", "superseded"]
"""What an edit did. appended: it was put on the log; superseded: a sound event with its identity was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event that was not accepted, as sent (``event``, ``faults_as_sent``) and as it stands.

    ``outcome``: what became of it when it was judged last; a conflict has no faults. ``source`` … ``object_id`` and
    ``reps``, whom it credits, are of the event as it stands, made printable. ``revision`` grows by one with each edit.
    ``submitted``: an edit began to put it on the log and was not seen to end, so it may lie there.
    """

    quarantine_id: str
    fingerprint: bytes
    outcome: EntryOutcome
    state: State = "open"
    revision: int = 1
    submitted: bool = False
    source: str
    id: str
    type: str
    object_id: str | None
    received_at: dt.datetime
    closed_at: dt.datetime | None = None
    event: bytes
    correction: bytes | None = None
    faults: tuple[Fault, ...]
    faults_as_sent: tuple[Fault, ...]
    reps: tuple[str, ...] = ()

    @property
    def standing(self) -> bytes:
        """The event as it stands, corrected or as sent."""
        return self.event if self.correction is None else self.correction


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries; None means any. ``pointer``: a fault at this place or below; with ``code`` they are of one fault.

    ``received_from`` is included, ``received_to`` is not. ``visible_source``: what the caller may see.
    """

    outcome: EntryOutcome | None = None
    state: State | None = None
    source: str | None = None
    id: str | None = None
    type: str | None = None
    object_id: str | None = None
    code: str | None = None
    pointer: str | None = None
    received_from: dt.datetime | None = None
    received_to: dt.datetime | None = None
    visible_source: str | None = None

    @property
    def word(self) -> str | None:
        """What must be among the ``fault_words`` of an entry."""
        place = None if self.pointer is None else storable(self.pointer)
        return " ".join(part for part in (self.code, place) if part is not None) or None


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A line of an entry's history, which only grows: who did what, and what was so before and after.

    ``change`` and ``undo`` are merge patches (RFC 7396) as JSON: what was corrected, and what would take it back.
    ``outcome`` is absent while an edit is on its way to the log; ``place`` is where it came to lie there.
    """

    quarantine_id: str
    revision: int
    at: dt.datetime
    actor: str
    action: Action
    outcome: Outcome | None
    state: State
    faults_before: tuple[Fault, ...]
    faults_after: tuple[Fault, ...]
    reason: str | None = None
    change: bytes | None = None
    undo: bytes | None = None
    place: str | None = None


def fault_words(faults: Iterable[Fault]) -> list[str]:
    """What an entry can be found by: each fault's code, its place and every place above it, and code and place."""
    words: dict[str, None] = {}
    for fault in faults:
        steps = fault.pointer.split("/")
        places = [storable("/".join(steps[:n])) for n in range(2, len(steps) + 1)]
        words |= dict.fromkeys([fault.code, *places, *(f"{fault.code} {place}" for place in places)])
    return list(words)
