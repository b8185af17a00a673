"""Forgetting what is kept for no definition any more, some rows at a time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

from chassis.db import Connection
from services.kpi.store import marks


async def forget_some(
    conn: Connection,
    table: Literal["slice", "key_day", "key_slice"],
    column: Literal["measure_id", "set_id"],
    kept: Collection[str],
    limit: int,
) -> bool:
    """Remove up to ``limit`` rows of one that is none of those ``kept``; whether there was one.

    Which ids a table has is found by hopping through its key. Announcements under way may still read what is forgotten:
    they are waited for.
    """
    found: str | None = await conn.fetchval(
        f"with recursive known as ((select {column} as id from {table} order by {column} limit 1) union all"
        f" select (select t.{column} from {table} t where t.{column} > k.id order by t.{column} limit 1) from known k"
        " where k.id is not null) select id from known where id <> all($1::text[]) limit 1",
        list(kept),
    )
    if found is None:
        return False
    await marks.lock(conn)
    await conn.execute(
        f"delete from {table} where ctid = any(array(select ctid from {table} where {column} = $1 limit $2))",
        found,
        limit,
    )
    return True
