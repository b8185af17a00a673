"""What verification compares: histories and facts as they are kept, and slices beside their recomputation."""

from __future__ import annotations

import msgspec

from chassis.db import Connection
from services.kpi.domain.definitions import Measure
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.fact_sql import selection
from services.kpi.domain.facts import ROWS, Fact
from services.kpi.domain.sql import Params, contributions
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


async def slices_that_differ(conn: Connection, measure: Measure) -> tuple[int, list[str]]:
    """How many slices a measure should have, and the places where what is kept is not what the facts give."""
    params = Params()
    source = f"{FACT_KINDS[measure.over].table} f"
    made = f"select * from ({contributions(measure.over, measure.time, [measure], params, source, '0')}) c where n0 > 0"
    rows = await conn.fetch(
        f"with made as ({made}), kept as (select * from slice where measure_id = {params.add(measure.id, 'text')})"
        " select m.kind, m.subject, m.day, k.kind as kept_kind, k.subject as kept_subject, k.day as kept_day"
        " from made m full join kept k on k.kind = m.kind and k.subject = m.subject and k.day = m.day"
        " and k.partition = m.partition where (m.v0, m.n0) is distinct from (k.value, k.facts) limit 20",
        *params,
    )
    wrong = [
        f"{r['kind'] or r['kept_kind']} {r['subject'] or r['kept_subject']} {r['day'] or r['kept_day']}" for r in rows
    ]
    examined: int = await conn.fetchval("select count(*) from slice where measure_id = $1", measure.id)
    return examined, wrong
