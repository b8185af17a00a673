"""What verification compares: histories and facts as they are kept, and slices beside their recomputation."""

from __future__ import annotations

import msgspec

from chassis.db import Connection
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.fact_sql import selection
from services.kpi.domain.facts import ROWS, Fact
from services.kpi.domain.key_days import given
from services.kpi.domain.key_sets import recounted
from services.kpi.domain.meaning import KeptKeys
from services.kpi.domain.measures import Measure
from services.kpi.domain.quality import Place, Tally
from services.kpi.domain.slices import contributions
from services.kpi.domain.sql import Params
from services.kpi.store.event_counts import ENTERED
from services.kpi.store.histories import ObjectKey


async def histories_of_partition(conn: Connection, kind: str, partition: int) -> dict[ObjectKey, bytes]:
    """The packed histories of a kind of object in a partition of its topic."""
    rows = await conn.fetch(
        "select object_id, packed from object_history where kind = $1 and partition = $2", kind, partition
    )
    return {(kind, r["object_id"]): r["packed"] for r in rows}


async def facts_of_partition(conn: Connection, over: str, partition: int) -> list[Fact]:
    """All facts of a kind whose objects lie in a partition of their topic."""
    rows = await conn.fetch(f"{selection(FACT_KINDS[over])} where partition = $1", partition)
    return [ROWS[over](**dict(r) | {"attributes": msgspec.json.decode(r["attributes"])}) for r in rows]


async def event_counts(conn: Connection) -> dict[Place, Tally]:
    """What is counted of the events on the log, by place."""
    rows = await conn.fetch("select * from event_count join event_stream using (stream_id)")
    found: dict[Place, Tally] = {}
    for row in rows:
        tally = found.setdefault(Place(row["day"], row["source"], row["type"], row["rep_id"]), Tally())
        for name in ("accepted", "duplicate", "conflict", "imported", "late", "corrections", "entry_seconds"):
            setattr(tally, name, getattr(tally, name) + (row[name] or 0))
        tally.entry_seconds_max = max(tally.entry_seconds_max, row["entry_seconds_max"] or 0)
        tally.entered.update({bucket: row[name] or 0 for bucket, name in enumerate(ENTERED)})
        tally.missing.update(msgspec.json.decode(row["missing"]) if row["missing"] else {})
    return found


async def slices_that_differ(conn: Connection, measure: Measure) -> tuple[int, list[str]]:
    """How many slices a measure should have, and the places where what is kept is not what the facts give."""
    params = Params()
    made = f"select * from ({contributions(measure.family, [measure], params)}) c where n0 > 0"
    rows = await conn.fetch(
        f"with made as ({made}), kept as ({_added_up(measure, params)})"
        " select m.kind, m.subject, m.day, k.kind as kept_kind, k.subject as kept_subject, k.day as kept_day"
        " from made m full join kept k on k.kind = m.kind and k.subject = m.subject and k.day = m.day"
        " where (m.v0, m.n0) is distinct from (k.value, k.facts) limit 20",
        *params,
    )
    wrong = [
        f"{r['kind'] or r['kept_kind']} {r['subject'] or r['kept_subject']} {r['day'] or r['kept_day']}" for r in rows
    ]
    params = Params()
    examined: int = await conn.fetchval(f"select count(*) from ({_added_up(measure, params)}) k", *params)
    return examined, wrong


def _added_up(measure: Measure, params: Params) -> str:
    """The slices of a measure, whatever slots they lie in."""
    return (
        "select kind, subject, day, sum(value) as value, sum(facts)::bigint as facts from slice"
        f" where measure_id = {params.add(measure.id, 'text')} group by 1, 2, 3"
        " having sum(facts) <> 0 or sum(value) <> 0"
    )


async def keys_that_differ(conn: Connection, kept: KeptKeys, shift: int) -> tuple[int, list[str]]:
    """How many days of keys a set has, and where they are not what the facts give, or its counts not what they give."""
    set_id, params = kept.key_set.id, Params()
    days = f"select kind, subject, key, day, facts from key_day where set_id = {params.add(set_id, 'text')}"
    wrong = await _differences(conn, given(kept.key_set, params), days, params)
    params = Params()
    counts = f"select * from key_slice where set_id = {params.add(set_id, 'text')}"
    wrong += await _differences(conn, recounted(kept.key_set, kept.counted, shift, params), counts, params)
    examined: int = await conn.fetchval("select count(*) from key_day where set_id = $1", set_id)
    return examined, wrong


async def _differences(conn: Connection, made: str, kept: str, params: Params) -> list[str]:
    """Up to 20 rows that only one of two queries has."""
    both = f"with made as ({made}), kept as ({kept})"
    rows = await conn.fetch(
        f"{both} select d::text from ((select * from made except all select * from kept)"
        " union all (select * from kept except all select * from made)) d limit 20",
        *params,
    )
    return [r["d"] for r in rows]
