"""What ingest announces on ``door-counts``: how often the door did not take an event as sent, and what came of it."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

DOOR_COUNTED = "merit.door.counted.v1"

Count = Annotated[int, Meta(ge=0)]


class DoorCount(Struct, frozen=True, kw_only=True):
    """Totals of a day, source, event type and rep as they stand: each record replaces the one before of its id.

    They count what is not on the log; what is there, its readers count. ``day`` is the local day of receipt, or of the
    decision. ``rep_id`` absent: every event, whoever it credits; else those that credit this person. ``duplicate``: an
    event that was sent again, whether accepted or kept before. ``quarantined`` and ``conflict``: entries of the
    quarantine that came to be; ``resolved`` and ``discarded``: entries that were closed. No total ever shrinks.
    """

    count_id: str
    day: dt.date
    source: str
    type: str
    rep_id: str | None = None
    duplicate: Count = 0
    quarantined: Count = 0
    conflict: Count = 0
    resolved: Count = 0
    discarded: Count = 0


def count_id(day: dt.date, source: str, type: str, rep_id: str | None) -> str:
    """The key of a count's records: 32 hex digits for what it counts."""
    return hashlib.blake2b(msgspec.json.encode((day, source, type, rep_id)), digest_size=16).hexdigest()
