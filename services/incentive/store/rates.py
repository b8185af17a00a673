"""Dated rates into the reporting currency, as kpi told them last."""

from __future__ import annotations

from decimal import Decimal

from chassis.db import Connection, columns
from contracts.rates import RateTable
from services.incentive.domain.conversion import changed
from services.incentive.domain.windows import Days

HELD = (
    "(select r.value from rate r where r.currency = c.currency and r.valid_from <= c.day"
    " order by r.valid_from desc limit 1)"
)
"""The rate of a credit ``c`` on its day; null where its currency has none yet."""


async def learn(conn: Connection, table: RateTable) -> Days | None:
    """Replace a currency's rates; returns the days whose rate is another one now, or which lie between such days."""
    known = await conn.fetch("select valid_from, value, version from rate where currency = $1", table.currency)
    if any(row["version"] >= table.version for row in known):
        return None
    told = {rate.valid_from: Decimal(rate.rate) for rate in table.rates}
    await conn.execute("delete from rate where currency = $1", table.currency)
    await conn.execute(
        "insert into rate (currency, valid_from, value, version)"
        " select $1, *, $4 from unnest($2::date[], $3::numeric[])",
        table.currency,
        *columns(list(told.items()), 2),
        table.version,
    )
    return changed({row["valid_from"]: row["value"] for row in known}, told)
