"""Forgetting what is kept for no definition any more, some rows at a time."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

from chassis.db import Connection, columns
from services.kpi.store import marks


async def forget_some(
    conn: Connection,
    table: Literal["slice", "key_day", "key_slice"],
    key: Mapping[str, str],
    kept: Collection[tuple[Any, ...]],
    limit: int,
) -> bool:
    """Remove up to ``limit`` rows of what is none of those ``kept``; whether there was one.

    ``key``: the first columns of the table's key, with their types, whose values are kept or not. Which values a table
    has is found by hopping through its key. Announcements under way may still read what is forgotten: they are waited
    for.
    """
    names = ", ".join(key)
    first = f"select {names} from {table} order by {names} limit 1"
    behind = f"({', '.join(f't.{n}' for n in key)}) > ({', '.join(f'k.{n}' for n in key)})"
    further = f"select t.* from {table} t where {behind} order by {', '.join(f't.{n}' for n in key)} limit 1"
    arrays = ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(key.values(), 1))
    found = await conn.fetchrow(
        f"with recursive known as (({first}) union all"
        f" select {', '.join(f'n.{n}' for n in key)} from known k cross join lateral ({further}) n)"
        f" select {names} from known where ({names}) not in (select * from unnest({arrays})) limit 1",
        *columns(list(kept), len(key)),
    )
    if found is None:
        return False
    await marks.lock(conn)
    mine = " and ".join(f"{name} = ${n}" for n, name in enumerate(key, 2))
    await conn.execute(
        f"delete from {table} where ctid = any(array(select ctid from {table} where {mine} limit $1))",
        limit,
        *found.values(),
    )
    return True
