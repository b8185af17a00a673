"""Key sets: which keys a subject had on which day, and what counts follow from it (domain.key_sets)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

from chassis.db import Connection
from services.kpi.domain.fact_sql import of_objects
from services.kpi.domain.key_days import added, given
from services.kpi.domain.key_sets import EVERYWHERE, Places, applied, filled
from services.kpi.domain.meaning import KeptKeys
from services.kpi.domain.measures import KeySet, Place
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


async def next_places(conn: Connection, key_set: KeySet, since: Place, days: int) -> Place | None:
    """Before which place the next days of a set lie, from a place on, whole places at a time; None: the last ones."""
    async with _in_order(conn):
        found = await conn.fetchrow(
            "select n.* from (select kind, subject, key from key_day where set_id = $1"
            " and (kind, subject, key) >= ($2, $3, $4) order by kind, subject, key offset $5 limit 1) p"
            " cross join lateral (select k.kind, k.subject, k.key from key_day k where k.set_id = $1"
            " and (k.kind, k.subject, k.key) > (p.kind, p.subject, p.key) order by kind, subject, key limit 1) n",
            key_set.id,
            *since,
            days - 1,
        )
    return tuple(found.values()) if found else None


async def count(conn: Connection, kept: KeptKeys, shift: int, places: Places = EVERYWHERE) -> None:
    """Count a set's keys in a range of places from its days; none is counted there yet. Needs ``lock``."""
    params = Params()
    async with _in_order(conn):
        await conn.execute(filled(kept.key_set, kept.counted, shift, params, places), *params)


@asynccontextmanager
async def _in_order(conn: Connection) -> AsyncIterator[None]:
    """What is read comes in the order of the table's key. Of a set that is new the planner's statistics say that it is
    empty: it would take and sort all of it each time, however little is asked for."""
    await conn.execute("set local enable_sort = off; set local enable_bitmapscan = off")
    yield
    await conn.execute("set local enable_sort = default; set local enable_bitmapscan = default")


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
