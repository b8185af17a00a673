"""What waits, conflicts, or names someone unknown: listed for those who may see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from chassis.db import Connection
from services.kpi.domain.fact_kinds import MAIN_FACT
from services.kpi.domain.fact_sql import owner
from services.kpi.domain.measures import Family
from services.kpi.domain.sight import Sight
from services.kpi.domain.sql import Params, day_of

_MAIN = list({kind.table: kind for kind in MAIN_FACT.values()}.values())
_OF_SOMEONE = " union all ".join(
    f"select {owner(kind)} as object_kind, f.object_id, f.rep_id,"
    f" f.{kind.member_day or next(iter(kind.anchors.values()))} as day from {kind.table} f where f.rep_id is not null"
    for kind in _MAIN
)
_IN_SIGHT = f"""exists (select from ({_OF_SOMEONE}) f join span m on m.person_id = f.rep_id and f.day >= m.valid_from
  and f.day < m.valid_to where f.object_kind = q.object_kind and f.object_id = q.object_id and m.kind = any($4)
  and m.subject = $5)"""
_OBJECT = "object_id || ' ' || kind as cursor, kind as object_kind, object_id, received_at"
_BACKWARDS = " union all ".join(
    f"select object_id || ' {field}' as cursor, '{kind}' as object_kind, object_id, '{field}' as field,"
    f" {field}::text as seconds from {kind}_fact where {field} < 0"
    for kind, field in (
        ("opportunity", "cycle_seconds"),
        ("case", "first_response_seconds"),
        ("case", "resolution_seconds"),
    )
)
_QUERIES = {
    "waiting": f"select {_OBJECT} from object_history where status = 'waiting'",
    "refund_excess": f"select {_OBJECT}, excess::text as excess from object_history where excess > 0",
    "unresolved": "select distinct f.object_id || ' ' || f.object_kind || ' ' || f.rep_id as cursor, f.object_kind,"
    f" f.object_id, f.rep_id from ({_OF_SOMEONE}) f"
    " where not exists (select from person p where p.person_id = f.rep_id)",
    "conflict": "select topic || ' ' || partition || ' ' || lpad(record_offset::text, 19, '0') as cursor, object_kind,"
    " object_id, source, id, received_at from conflict",
    "no_rate": "select object_id || ' ' || object_kind || ' ' || currency || ' ' || day as cursor, object_kind,"
    " object_id, currency, day from conversion where rate is null",
    "repeated_id": "select encode(pair || object, 'hex') as cursor, object_kind, object_id, source, id, received_at"
    " from repeated_id",
    "negative_duration": _BACKWARDS,
}
KINDS = tuple(_QUERIES)
"""waiting: what an object begins with has not come; refund_excess: more refunded than there was; unresolved: a credit
of a person whom the directory does not know; no_rate: money of a currency that has no rate on the day that values it:
the object counts, its money nowhere until there is one; conflict: another content under a known identity; repeated_id:
a (source, id) that another object had first, which counts for both and is a fault of the source; negative_duration:
what two events say makes an object end before it began, and is in a mean all the same (one that says so alone the door
refuses)."""


async def listed(conn: Connection, kind: str, sight: Sight, after: str, limit: int) -> list[dict[str, Any]]:
    """Entries of a kind after a cursor; own and tree see those of objects that count for them."""
    seen = "true or $4::text[] is null or $5::text is null" if sight.everything else _IN_SIGHT
    rows = await conn.fetch(
        f'select q.* from ({_QUERIES[kind]}) q where q.cursor collate "C" > $1 and ($2::text = $2) and ({seen})'
        ' order by q.cursor collate "C" limit $3',
        after,
        kind,
        limit,
        ["rep"] if sight.own else ["rep", "manager"],
        sight.own or sight.tree,
    )
    return [dict(r) for r in rows]


async def waiting(conn: Connection, families: Iterable[Family]) -> int:
    """How many objects that make facts of these families wait for what they begin with."""
    kinds = sorted({name for family in families for name in family.kind.objects})
    found: int = await conn.fetchval(
        "select count(*) from object_history where status = 'waiting' and kind = any($1::text[])", kinds
    )
    return found


async def no_rate(conn: Connection, families: Iterable[Family]) -> int:
    """How many objects that make facts of these families have money in a currency without a rate on its day."""
    kinds = sorted({name for family in families for name in family.kind.objects})
    found: int = await conn.fetchval(
        "select count(distinct (object_kind, object_id)) from conversion"
        " where rate is null and object_kind = any($1::text[])",
        kinds,
    )
    return found


async def unresolved(conn: Connection, families: Iterable[Family], since: dt.date, until: dt.date) -> int:
    """How many credits in ``[since, until)`` name a person whom the directory does not know."""
    params = Params()
    start, end = params.add(since, "date"), params.add(until, "date")
    parts = []
    for family in sorted(families, key=lambda f: f.name):
        day = day_of(family, family.time, params)
        parts.append(
            f"select f.object_id, f.entry, f.line, f.rep_id from {family.kind.table} f"
            f" where f.rep_id is not null and {day} >= {start} and {day} < {end}"
        )
    found: int = await conn.fetchval(
        f"select count(*) from ({' union '.join(parts)}) f"
        " where not exists (select from person p where p.person_id = f.rep_id)",
        *params,
    )
    return found
