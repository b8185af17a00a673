"""What an installation holds events to, and the form that each rule about their meaning has."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.ingest.domain.custom_fields import CustomField
from services.ingest.domain.faults import Fault
from services.ingest.domain.said import Said

FIRST_YEAR, LAST_YEAR = 1970, 9998
"""Business days lie in these years; a day within them is within reach of any zone's offset."""
FUTURE_DAYS_MAX = 1
"""What has happened may have happened tomorrow (clocks and zones differ), never later."""


@dataclass(frozen=True)
class Door:
    """What the installation holds every event to.

    ``today`` is the local day in ``zone``. Per event type, ``required`` holds the JSON pointers that its policy wants,
    and ``custom_fields`` what was declared for it.
    """

    zone: ZoneInfo
    today: dt.date
    required: Mapping[str, Collection[str]] = field(default_factory=dict)
    custom_fields: Mapping[str, Sequence[CustomField]] = field(default_factory=dict)

    def day(self, when: dt.date | dt.datetime) -> dt.date:
        """The local day of an instant (which has an offset); a date is one already."""
        if not isinstance(when, dt.datetime):
            return when
        return when.astimezone(self.zone).date() if FIRST_YEAR <= when.year <= LAST_YEAR else when.date()

    def instant_faults(self, when: dt.datetime, where: str) -> Sequence[Fault]:
        """What is wrong with the day of an instant. Most are over by any zone's clock, and their year is not the first:
        the day that is written lies two from the local one at most."""
        if when.date() < self.today and when.year > FIRST_YEAR:
            return ()
        return self.day_faults(self.day(when), where)

    def day_faults(self, day: dt.date, where: str, days_max: int = FUTURE_DAYS_MAX) -> Sequence[Fault]:
        """What is wrong with a day: before FIRST_YEAR, or more than ``days_max`` days from today."""
        if day.year < FIRST_YEAR:
            return [Fault(where, "ancient-date", f"{day} is before {FIRST_YEAR}")]
        if (day - self.today).days > days_max:
            latest = "tomorrow" if days_max == 1 else f"{days_max} days from today"
            return [Fault(where, "future-date", f"{day} is later than {latest} in {self.zone.key}")]
        return ()


class Rule(NamedTuple):
    """``reads``: a regular expression over the pointers of the places that ``check`` relies on."""

    reads: str
    check: Callable[[Said, Door], Sequence[Fault]]


DATA = r"|/data"
"""The whole event or its data: where one of these is faulty, nothing below can be read."""
