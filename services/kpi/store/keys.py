"""Key sets: which keys a subject had on which day, and what counts follow from it (domain.key_sets)."""

from __future__ import annotations

from collections.abc import Collection

from chassis.db import Connection
from services.kpi.domain.fact_sql import of_objects
from services.kpi.domain.key_sets import EVERY_KEY, KeyRange, added, applied, filled, given
from services.kpi.domain.meaning import KeptKeys
from services.kpi.domain.measures import KeySet
from services.kpi.domain.sql import Params
from services.kpi.store.forgetting import forget_some


async def lock(conn: Connection) -> None:
    """Alone with the key sets until this transaction ends: keys come from every partition, and meet here.

    Taken last of all locks, just before the sets change, so that whoever holds it waits for nobody.
    """
    await conn.execute("select pg_advisory_xact_lock(hashtext('kpi.keys'))")


async def change(
    conn: Connection, kept: KeptKeys, shift: int, params: Params, before: str, source: str, sign: str
) -> None:
    """Take the facts ``f`` of ``source`` into a set: those whose ``sign`` is 1 came, those whose it is -1 went.

    ``before``: the tables that ``source`` names, for the beginning of the statement.

    ``shift``: the months by which the fiscal year begins later than the calendar's. Needs ``lock``.
    """
    delta = given(kept.key_set, params, source, sign)
    await conn.execute(f"with {before}{applied(kept.key_set, kept.counted, shift, delta, params)}", *params)
    await conn.execute("delete from key_slice where set_id = $1 and facts = 0", kept.key_set.id)


async def make(conn: Connection, key_set: KeySet, after: str, until: str | None) -> None:
    """Add to the days of a set that is new what the facts of some objects give (fact_sql.of_objects): none of it is
    counted yet. Needs ``lock``."""
    params = Params()
    delta = given(key_set, params, of_objects(key_set.distinct.family.kind, params, after, until))
    await conn.execute(added(key_set, delta, params), *params)


async def next_keys(conn: Connection, key_set: KeySet, since: str, days: int) -> str | None:
    """Before which key the next days of a set lie, from a key on, whole keys at a time; None: all that are left."""
    found: str | None = await conn.fetchval(
        "select (select key from key_day where set_id = $1 and key > $2 and key >= p.key order by key limit 1)"
        " from (select key from key_day where set_id = $1 and key >= $2 order by key offset $3 limit 1) p",
        key_set.id,
        since,
        days,
    )
    return found


async def count(conn: Connection, kept: KeptKeys, shift: int, keys: KeyRange = EVERY_KEY) -> None:
    """Count a range of a set's keys from its days; none of them is counted yet. Needs ``lock``."""
    params = Params()
    await conn.execute(filled(kept.key_set, kept.counted, shift, params, keys), *params)


async def count_anew(conn: Connection, kept: KeptKeys, shift: int) -> None:
    """Count all of a set's keys anew. Needs ``lock``."""
    await conn.execute("delete from key_slice where set_id = $1", kept.key_set.id)
    await count(conn, kept, shift)


async def forget(conn: Connection, kept: Collection[KeptKeys], limit: int) -> bool:
    """Remove some rows of a set, or of a threshold of it, that is none of these; whether there was one."""
    sets = [(k.key_set.id,) for k in kept]
    counts = [(k.key_set.id, n) for k in kept for n in k.thresholds]
    return await forget_some(conn, "key_day", {"set_id": "text"}, sets, limit) or await forget_some(
        conn, "key_slice", {"set_id": "text", "at_least": "int"}, counts, limit
    )
