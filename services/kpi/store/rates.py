"""Every decision about a rate: per currency and first day the newest version holds; none is ever changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

from chassis.db import Connection, columns
from services.kpi.domain.exchange import Place
from services.kpi.domain.rates import Rate


async def in_force(conn: Connection) -> list[Rate]:
    """The rates that hold, in order of currency and first day."""
    rows = await conn.fetch(f"select currency, valid_from, value from ({_NEWEST}) r order by 1, 2")
    return [Rate(*r.values()) for r in rows]


_NEWEST = (
    "select distinct on (currency, valid_from) currency, valid_from, value, version, decided_at, decided_by from rate"
    " order by currency, valid_from, version desc"
)


def held_on(currency: str, day: str) -> str:
    """The rate that holds on a day, both as SQL: of the latest first day until then the newest version, or null."""
    return (
        f"(select r.value from rate r where r.currency = {currency} and r.valid_from <= {day}"
        " order by r.valid_from desc, r.version desc limit 1)"
    )


async def on(conn: Connection, places: Iterable[Place]) -> dict[Place, Decimal | None]:
    """The rate of each currency and local day; None before the currency's first rate."""
    rows = await conn.fetch(
        f"select currency, day, {held_on('p.currency', 'p.day')} as rate"
        " from unnest($1::text[], $2::date[]) as p(currency, day)",
        *columns(sorted(places), 2),
    )
    return {(r["currency"], r["day"]): r["rate"] for r in rows}


async def lock(conn: Connection) -> None:
    """One decision at a time, until the transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('kpi.rates'))")


async def versions(conn: Connection) -> dict[str, int]:
    """How many decisions each currency has seen."""
    rows = await conn.fetch("select currency, max(version) as version from rate group by 1")
    return {r["currency"]: r["version"] for r in rows}


async def decide(conn: Connection, decided: Sequence[tuple[Rate, int]], now: dt.datetime, by: str) -> None:
    """Add versions; the lock must be held."""
    await conn.execute(
        "insert into rate (currency, valid_from, version, value, decided_at, decided_by)"
        " select *, $5::timestamptz, $6 from unnest($1::text[], $2::date[], $3::int[], $4::numeric[])",
        *columns([(r.currency, r.valid_from, version, r.value) for r, version in decided], 4),
        now,
        by,
    )


async def listed(
    conn: Connection, currency: str | None, after: tuple[str, dt.date], limit: int
) -> list[tuple[Rate, int, dt.datetime, str]]:
    """Rates that hold after a place, each with its version, and when and by whom it was decided."""
    rows = await conn.fetch(
        f"select * from ({_NEWEST}) r where ($1::text is null or currency = $1)"
        " and (currency, valid_from) > ($2::text, $3::date) order by currency, valid_from limit $4",
        currency,
        *after,
        limit,
    )
    return [
        (Rate(r["currency"], r["valid_from"], r["value"]), r["version"], r["decided_at"], r["decided_by"]) for r in rows
    ]
