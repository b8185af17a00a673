"""What waits, conflicts, or names someone unknown: listed for those who may see it."""

from __future__ import annotations

from typing import Any

from chassis.db import Connection
from services.kpi.domain.sight import Sight

_IN_SIGHT = """exists (select from order_fact f join span m on m.person_id = f.rep_id and f.order_day >= m.valid_from
  and f.order_day < m.valid_to where f.order_id = q.object_id and m.kind = any($4) and m.subject = $5)"""
_QUERIES = {
    "waiting": "select order_id as cursor, order_id as object_id, received_at from order_history"
    " where status = 'waiting'",
    "refund_excess": "select order_id as cursor, order_id as object_id, received_at, refund_excess::text as excess"
    " from order_history where refund_excess > 0",
    "unresolved": "select distinct f.order_id || ' ' || f.rep_id as cursor, f.order_id as object_id, f.rep_id"
    " from order_fact f where f.rep_id is not null and not exists (select from person p where p.person_id = f.rep_id)",
    "conflict": "select topic || ' ' || partition || ' ' || lpad(record_offset::text, 19, '0') as cursor, object_id,"
    " source, id, received_at from conflict",
}
KINDS = tuple(_QUERIES)


async def listed(conn: Connection, kind: str, sight: Sight, after: str, limit: int) -> list[dict[str, Any]]:
    """Entries of a kind after a cursor; own and tree see those of orders that count for them."""
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
