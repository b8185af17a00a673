"""Facts, and the slices and marks that follow them: a statement per fact table and batch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from chassis.db import Connection
from chassis.telemetry import current_traceparent
from contracts.sales import Attributes
from services.kpi.domain.definitions import Measure
from services.kpi.domain.fact_kinds import FACT_KINDS, SHARED_COLUMNS
from services.kpi.domain.fact_sql import deletion, families, folding, given, insertion, into_slices
from services.kpi.domain.facts import Fact
from services.kpi.domain.sql import Params, contributions, subjects

_ATTRIBUTES = SHARED_COLUMNS.index("attributes")


class Change(NamedTuple):
    """A fact that comes or goes: the partition of its object's log, and the rank of the reason to tell."""

    fact: Fact
    partition: int
    reason: int


async def remove(conn: Connection, over: str, changes: Sequence[Change], measures: Iterable[Measure]) -> None:
    """Take facts of one kind away, and what they gave to the slices."""
    kind, passes = FACT_KINDS[over], families(m for m in measures if m.over == over)
    keys = [[c.fact.object_id for c in changes], [c.fact.entry for c in changes], [c.fact.line for c in changes]]
    params = Params([*keys, [c.reason for c in changes]])
    query = f"with gone as ({deletion(kind)})"
    fold = folding(passes, params, "gone f", "f.reason", -1, current_traceparent()) if passes else "select from gone"
    await conn.execute(f"{query}{', ' if passes else ' '}{fold}", *params)


async def add(conn: Connection, over: str, changes: Sequence[Change], measures: Iterable[Measure]) -> None:
    """Add facts of one kind, and what they give to the slices."""
    kind, passes = FACT_KINDS[over], families(m for m in measures if m.over == over)
    rows = [list(column) for column in zip(*(msgspec.structs.astuple(c.fact) for c in changes), strict=True)]
    rows[_ATTRIBUTES] = [_json(attributes) for attributes in rows[_ATTRIBUTES]]
    params = Params([*rows, [c.partition for c in changes], [c.reason for c in changes]])
    query = f"with given as ({given(kind)})"
    if not passes:
        await conn.execute(f"{query} {insertion(kind)}", *params)
        return
    fold = folding(passes, params, "given f", "f.reason", 1, current_traceparent())
    await conn.execute(f"{query}, fresh as ({insertion(kind)}), {fold}", *params)


def _json(attributes: Attributes) -> str:
    return msgspec.json.encode(attributes).decode() if attributes else "{}"


async def refold(
    conn: Connection, over: str, object_ids: Sequence[str], measures: Iterable[Measure], reason: int, sign: int
) -> None:
    """Add (sign 1) or take away (sign -1) what the facts of these objects give to the slices, as spans are now."""
    passes = families(m for m in measures if m.over == over)
    if not passes or not object_ids:
        return
    params = Params([object_ids])
    source = f"unnest($1::text[]) as t(object_id) join {FACT_KINDS[over].table} f using (object_id)"
    fold = folding(passes, params, source, params.add(reason, "int"), sign, current_traceparent())
    await conn.execute(f"with {fold}", *params)


async def objects_of(conn: Connection, over: str, person_ids: Sequence[str]) -> list[str]:
    """The objects with a fact of a kind that credits any of these people."""
    rows = await conn.fetch(
        f"select distinct object_id from {FACT_KINDS[over].table} where rep_id = any($1::text[])", person_ids
    )
    return [r["object_id"] for r in rows]


async def fold_everything(conn: Connection, measure: Measure) -> None:
    """Make a new measure's slices from all facts."""
    params = Params()
    await conn.execute("delete from slice where measure_id = $1", measure.id)
    source = f"{FACT_KINDS[measure.over].table} f"
    delta = contributions(measure.over, measure.time, [measure], params, source, "0")
    await conn.execute(f"with d0 as ({delta}) {into_slices([[measure]], params, 1)}", *params)


async def sweep(conn: Connection) -> None:
    """Remove slices that no fact stands behind any more, so that what is kept equals what would be recomputed."""
    await conn.execute("delete from slice where facts = 0")


async def mark_everything(conn: Connection, measures: Iterable[Measure], reason: int) -> None:
    """Mark every subject and day that has a fact that these measures look at: after a change of meaning."""
    for over, time in families(measures):
        kind = FACT_KINDS[over]
        day = f"f.{kind.anchors[time]}"
        await conn.execute(
            "insert into changed (kind, subject, day, reason, traceparent)"
            f" select distinct s.kind, s.subject, {day}, $1::int, $2 from {kind.table} f"
            f" cross join {subjects(kind, time)} where {day} is not null",
            reason,
            current_traceparent(),
        )


async def drop_measures(conn: Connection, kept: Sequence[str]) -> None:
    """Remove the slices of measures that no definition in force uses."""
    await conn.execute("delete from slice where measure_id <> all($1::text[])", list(kept))
