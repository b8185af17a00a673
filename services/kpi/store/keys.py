"""Key sets: which keys a subject had on which day, and what counts follow from it (domain.key_sets)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from chassis.db import Connection
from services.kpi.domain.fact_sql import of_objects
from services.kpi.domain.key_sets import applied, filled, given
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
    await conn.execute(f"with {before}{applied(kept.key_set, kept.thresholds, shift, delta, params)}", *params)
    await conn.execute("delete from key_slice where set_id = $1 and facts = 0", kept.key_set.id)


async def make(conn: Connection, kept: KeptKeys, shift: int, after: str, until: str | None) -> None:
    """Add to a set that is new what the facts of some objects give (fact_sql.of_objects). Needs ``lock``."""
    params = Params()
    source = of_objects(kept.key_set.distinct.family.kind, params, after, until)
    await change(conn, kept, shift, params, "", source, "1")


async def count(conn: Connection, kept: KeptKeys, shift: int) -> None:
    """Make a set's counts anew from its days. Needs ``lock``."""
    await conn.execute("delete from key_slice where set_id = $1", kept.key_set.id)
    await count_besides(conn, kept.key_set, kept.thresholds, shift)


async def count_besides(conn: Connection, key_set: KeySet, thresholds: Sequence[int], shift: int) -> None:
    """Count a set's keys for further thresholds, from its days. Needs ``lock``."""
    params = Params()
    await conn.execute(filled(key_set, thresholds, shift, params), *params)


async def count_no_more(conn: Connection, key_set: KeySet, thresholds: Sequence[int]) -> None:
    """Forget a set's counts for some thresholds. Needs ``lock``."""
    await conn.execute(
        "delete from key_slice where set_id = $1 and at_least = any($2::int[])", key_set.id, list(thresholds)
    )


async def forget(conn: Connection, set_ids: Collection[str], limit: int) -> bool:
    """Remove some rows of a set that is none of these; whether there was one."""
    return await forget_some(conn, "key_day", "set_id", set_ids, limit) or await forget_some(
        conn, "key_slice", "set_id", set_ids, limit
    )
