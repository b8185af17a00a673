"""Setting rates: the decision, its announcement, and the days whose facts have to be restated, in one transaction."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from chassis.db import Connection
from chassis.outbox import announce
from services.kpi.domain.rates import Rate, changed_by
from services.kpi.store import conversions, rates
from services.kpi.translate import rates_set


async def set_rates(
    conn: Connection, items: Sequence[Rate], reporting_currency: str, now: dt.datetime, by: str
) -> list[str]:
    """Put rates in force and say per item ``set`` or ``unchanged``. Items must name each (currency, day) once."""
    await rates.lock(conn)
    known = {(r.currency, r.valid_from): r.value for r in await rates.in_force(conn)}
    news = [i for i in items if known.get((i.currency, i.valid_from)) != i.value]
    if news:
        await _decide(conn, news, reporting_currency, now, by)
    return ["set" if item in news else "unchanged" for item in items]


async def _decide(conn: Connection, news: Sequence[Rate], reporting: str, now: dt.datetime, by: str) -> None:
    versions = await rates.versions(conn)
    touched = sorted({r.currency for r in news})
    await rates.decide(conn, [(r, versions.get(r.currency, 0) + 1) for r in news], now, by)
    after = await rates.in_force(conn)
    await conversions.restate(conn, changed_by(news, after))
    await announce(
        conn,
        [rates_set(c, reporting, versions.get(c, 0) + 1, [r for r in after if r.currency == c], now) for c in touched],
    )


listed = rates.listed
is_restating = conversions.is_restating
