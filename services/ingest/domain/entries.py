"""What is kept beside the log: entries of the quarantine."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from services.ingest.domain.faults import Fault

EntryOutcome = Literal["quarantined", "conflict", "resolved"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An event that was not accepted. ``event`` are its own bytes; a conflict has no faults."""

    quarantine_id: str
    fingerprint: bytes
    outcome: EntryOutcome
    source: str
    id: str
    type: str
    object_id: str | None
    received_at: dt.datetime
    event: bytes
    faults: tuple[Fault, ...]
    resolved_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFilter:
    """Which entries: None means any. ``before``: only older ids. ``visible_source``: what the caller may see."""

    outcome: EntryOutcome | None = None
    source: str | None = None
    type: str | None = None
    before: str | None = None
    visible_source: str | None = None
