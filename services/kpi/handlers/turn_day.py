"""The turn of a day: values that change by time alone are marked, so that they are announced like any other.

What is dated on a day that has come counts from now on (a follow-up that is due); a period that begins has a stock, and
a growth against what was before, with no fact of its own.
"""

from __future__ import annotations

import datetime as dt

from chassis.db import Connection
from services.kpi.domain.affected import looked_back_at, looking_back
from services.kpi.domain.facts import REASONS
from services.kpi.domain.measures import Average, Leaf, measures_of
from services.kpi.domain.periods import DAY
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers.in_force import in_force
from services.kpi.store import definitions, marks, slices

_LIVE = REASONS.index("live")


async def turn_day(conn: Connection, today: dt.date) -> None:
    """Mark what has come since the day turned last, however many days that was. Needs marks.alone."""
    last = await definitions.turned_until(conn)
    if last is not None and last >= today:
        return
    if last is not None:
        known = await in_force(conn)
        for family in known.kept.slices:
            await slices.mark_days(conn, family, _LIVE, last + DAY, today + DAY)
        await _mark_growth(conn, known, last + DAY, today)
        await _mark_stocks(conn, known, last)
    await definitions.turn(conn, today)


async def _mark_growth(conn: Connection, known: Timeline, since: dt.date, today: dt.date) -> None:
    """A period that begins is compared with one before: of whoever has a value there."""
    ways = {(compare, m.family.name) for _, term in known.terms for compare, m in looking_back(term)}
    for compare, family in sorted(ways):
        for window in sorted(looked_back_at(since, today, compare), key=lambda w: (w.start, w.end)):
            assert window.grain
            await marks.mark_announced(conn, window.grain, window.start, family, window.start, _LIVE)


async def _mark_stocks(conn: Connection, known: Timeline, last: dt.date) -> None:
    """What was open at the end of the last day is open on the next; a stock of nothing need not be told each day."""
    for key, term in known.terms:
        for family in sorted({m.family.name for m in measures_of(term) if m.until is not None}):
            but_zero = isinstance(term, Leaf | Average)
            await marks.mark_announced(conn, "day", last, family, last + DAY, _LIVE, key, but_zero)
