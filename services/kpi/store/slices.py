"""Slices as a whole: made from facts, forgotten, and marks for everything that a change of meaning touches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from chassis.db import Connection
from chassis.telemetry import current_traceparent
from services.kpi.domain.fact_sql import of_objects
from services.kpi.domain.measures import Family, Measure
from services.kpi.domain.periods import DAY
from services.kpi.domain.slices import contributions, into_slices
from services.kpi.domain.sql import Params, day_of, subjects_of
from services.kpi.store.forgetting import forget_some


async def make(
    conn: Connection, family: Family, measures: Sequence[Measure], slot: int, after: str, until: str | None
) -> None:
    """Add to the slices of new measures of a family what the facts of some objects give (fact_sql.of_objects).

    ``slot``: see store.slots.
    """
    params = Params()
    delta = contributions(family, measures, params, of_objects(family.kind, params, after, until))
    await conn.execute(f"with d0 as ({delta}) {into_slices([measures], params, 1, slot)}", *params)


async def sweep(conn: Connection) -> None:
    """Remove slices that say nothing any more. One with a value and no facts is the other side of other slots'."""
    await conn.execute("delete from slice where facts = 0 and value = 0")


async def forget(conn: Connection, measure_ids: Collection[str], limit: int) -> bool:
    """Remove some slices of a measure that is none of these; whether there was one."""
    return await forget_some(conn, "slice", {"measure_id": "text"}, [(i,) for i in measure_ids], limit)


async def next_day(conn: Connection, family: Family, since: dt.date, facts: int) -> dt.date | None:
    """The day before which the next facts of a family lie, from a day on; None: all that are left do."""
    params = Params()
    day = day_of(family, family.time, params)
    found: dt.date | None = await conn.fetchval(
        f"select {day} from {family.kind.table} f where {day} >= {params.add(since, 'date')}"
        f" order by 1 offset {params.add(facts, 'int')} limit 1",
        *params,
    )
    return found and max(found, since + DAY)


async def mark_days(
    conn: Connection,
    family: Family,
    reason: int,
    since: dt.date = dt.date.min,
    until: dt.date = dt.date.max,
    every_kpi: bool = False,
) -> None:
    """Mark every subject and day in ``[since, until)`` on which a fact of the family counts.

    ``every_kpi``: for all KPIs, not only for those that stand on the family.
    """
    name = "" if every_kpi else family.name
    for anchor in filter(None, (family.time, family.until)):
        params = Params()
        day = day_of(family, anchor, params)
        await conn.execute(
            "insert into changed (family, kind, subject, day, reason, traceparent)"
            f" select distinct {params.add(name, 'text')}, s.kind, s.subject, {day},"
            f" {params.add(reason, 'int')}, {params.add(current_traceparent(), 'text')}"
            f" from {family.kind.table} f cross join {subjects_of(family, params)}"
            f" where {day} >= {params.add(since, 'date')} and {day} < {params.add(until, 'date')}",
            *params,
        )
