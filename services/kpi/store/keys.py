"""Key sets: which keys a subject had on which day, and what counts follow from it (domain.key_sets)."""

from __future__ import annotations

from chassis.db import Connection
from services.kpi.domain.key_sets import applied, filled, given
from services.kpi.domain.meaning import KeptKeys
from services.kpi.domain.sql import Params


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


async def make(conn: Connection, kept: KeptKeys, shift: int) -> None:
    """Make a set from all facts. Needs ``lock``."""
    await drop(conn, kept.key_set.id)
    params = Params()
    rows = given(kept.key_set, params)
    await conn.execute(
        "insert into key_day (set_id, key, day, kind, subject, facts)"
        f" select {params.add(kept.key_set.id, 'text')}, key, day, kind, subject, facts from ({rows}) d",
        *params,
    )
    await count(conn, kept, shift)


async def count(conn: Connection, kept: KeptKeys, shift: int) -> None:
    """Make a set's counts anew from its days. Needs ``lock``."""
    await conn.execute("delete from key_slice where set_id = $1", kept.key_set.id)
    params = Params()
    await conn.execute(filled(kept.key_set, kept.thresholds, shift, params), *params)


async def drop(conn: Connection, set_id: str) -> None:
    """Forget a set. Needs ``lock``."""
    await conn.execute("delete from key_day where set_id = $1", set_id)
    await conn.execute("delete from key_slice where set_id = $1", set_id)
