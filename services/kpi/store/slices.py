"""Slices as a whole: made from all facts, forgotten, and marks for everything that a change of meaning touches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence

from chassis.db import Connection
from chassis.telemetry import current_traceparent
from services.kpi.domain.measures import Family, Measure
from services.kpi.domain.slices import contributions, into_slices
from services.kpi.domain.sql import Params, day_of, subjects_of


async def make(conn: Connection, family: Family, measures: Sequence[Measure], slot: int) -> None:
    """Make the slices of new measures of a family from all facts. ``slot``: see store.slots."""
    await conn.execute("delete from slice where measure_id = any($1::text[])", [m.id for m in measures])
    params = Params()
    delta = contributions(family, measures, params)
    await conn.execute(f"with d0 as ({delta}) {into_slices([measures], params, 1, slot)}", *params)


async def sweep(conn: Connection) -> None:
    """Remove slices that say nothing any more. One with a value and no facts is the other side of other slots'."""
    await conn.execute("delete from slice where facts = 0 and value = 0")


async def keep_only(conn: Connection, measure_ids: Collection[str]) -> None:
    """Remove the slices of measures that no definition in force uses."""
    await conn.execute("delete from slice where measure_id <> all($1::text[])", list(measure_ids))


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
