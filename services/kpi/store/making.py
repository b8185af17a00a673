"""Publications under way: how far what they need is made, and the days that wait to be marked after them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from chassis.db import Connection, columns
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.measures import Family, Place


class Progress(NamedTuple):
    """How far what is building needs is made of a kind of fact. ``reached`` None: of all facts that there are."""

    over: str
    reached: str | None
    facts_done: int
    facts_total: int
    started_at: dt.datetime


class Remark(NamedTuple):
    """Days from ``since`` on that wait to be marked: for all KPIs, or for those that stand on the family."""

    id: int
    family: Family
    every_kpi: bool
    since: dt.date


FIRST: Place = ("", "", "")
"""No place comes before it."""
_family = msgspec.json.Decoder(Family).decode


async def lock(conn: Connection) -> None:
    """Alone with publications until this transaction ends. Taken before the lock of store.directory."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('kpi.publish'))")


async def alone(conn: Connection) -> bool:
    """The same if nobody else is at it, without waiting."""
    found: bool = await conn.fetchval("select pg_try_advisory_xact_lock(hashtext('kpi.publish'))")
    return found


async def progress(conn: Connection) -> list[Progress]:
    """Of the versions that are building, by kind of fact; empty while none is."""
    rows = await conn.fetch("select over, reached, facts_done, facts_total, started_at from making order by over")
    return [Progress(*r.values()) for r in rows]


async def counted(conn: Connection) -> dict[str, Place | None]:
    """Of the key sets that what is building needs, the place before which they are counted for it; None: everywhere."""
    rows = await conn.fetch("select set_id, counted from counting order by set_id")
    return {r["set_id"]: r["counted"] and tuple(r["counted"]) for r in rows}


async def begin(conn: Connection, facts_total: Mapping[str, int], set_ids: Sequence[str], now: dt.datetime) -> None:
    """Nothing is made and no key set counted yet."""
    await conn.execute("insert into counting (set_id, counted) select unnest($1::text[]), $2::text[]", set_ids, FIRST)
    await conn.execute(
        "insert into making (over, reached, facts_done, facts_total, started_at)"
        " select over, '', 0, total, $3 from unnest($1::text[], $2::bigint[]) as m(over, total)",
        *columns(list(facts_total.items()), 2),
        now,
    )


async def reach(conn: Connection, over: str, reached: str | None, facts: int) -> None:
    """Note that so many facts more are made, of objects until an id, or of all."""
    await conn.execute(
        "update making set reached = $2, facts_done = facts_done + $3 where over = $1", over, reached, facts
    )


async def count(conn: Connection, set_id: str, counted: Place | None) -> None:
    """Note that a set's keys are counted before a place, or everywhere."""
    await conn.execute("update counting set counted = $2 where set_id = $1", set_id, counted)


async def end(conn: Connection) -> None:
    """Nothing is being made."""
    await conn.execute("delete from making")
    await conn.execute("delete from counting")


async def facts_of(conn: Connection, over: str, limit: int | None = None) -> int:
    """How many facts of a kind there are, counted no further than ``limit``."""
    found: int = await conn.fetchval(
        f"select count(*) from (select from {FACT_KINDS[over].table} limit $1::bigint) f", limit
    )
    return found


async def next_objects(conn: Connection, over: str, after: str, facts: int) -> tuple[str | None, int]:
    """Until which object the next facts reach, whole objects at a time, and how many they are; None: all that are left.

    In the order of the database, which that of the tables' keys is.
    """
    table = FACT_KINDS[over].table
    until: str | None = await conn.fetchval(
        f"select object_id from {table} where object_id > $1 order by object_id offset $2 limit 1", after, facts - 1
    )
    found = await conn.fetchval(
        f"select count(*) from {table} where object_id > $1 and ($2::text is null or object_id <= $2)", after, until
    )
    return until, found


async def remark(conn: Connection, families: Sequence[tuple[Family, bool]]) -> None:
    """Let all days be marked, of families of facts, each for all KPIs or for those that stand on it; those of them that
    wait to be marked already are not marked twice."""
    said = columns([(msgspec.json.encode(f).decode(), every_kpi) for f, every_kpi in families], 2)
    await conn.execute(
        "delete from remark r using unnest($1::text[], $2::boolean[]) as n(family, every_kpi)"
        " where r.family = n.family::jsonb and r.every_kpi <= n.every_kpi",
        *said,
    )
    await conn.execute(
        "insert into remark (family, every_kpi, since) select family::jsonb, every_kpi, $3"
        " from unnest($1::text[], $2::boolean[]) as r(family, every_kpi)",
        *said,
        dt.date.min,
    )


async def next_remark(conn: Connection) -> Remark | None:
    """What waits the longest to be marked."""
    row = await conn.fetchrow("select id, family::text as family, every_kpi, since from remark order by id limit 1")
    return Remark(row["id"], _family(row["family"]), row["every_kpi"], row["since"]) if row else None


async def remarked(conn: Connection, id: int, until: dt.date | None) -> None:
    """Days before ``until`` are marked; None: all are."""
    if until is None:
        await conn.execute("delete from remark where id = $1", id)
    else:
        await conn.execute("update remark set since = $2 where id = $1", id, until)


async def marks(conn: Connection, limit: int) -> int:
    """How many marks wait to be announced, counted no further than ``limit``."""
    found: int = await conn.fetchval("select count(*) from (select from changed limit $1::bigint) c", limit)
    return found
