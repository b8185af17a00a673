"""At which rates the objects of other currencies are kept, and for which of them rates have changed since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chassis.db import Connection, Row, columns
from services.kpi.domain.exchange import Place
from services.kpi.domain.rates import Changed
from services.kpi.store.histories import ObjectKey
from services.kpi.store.rates import held_on

Conversions = Mapping[ObjectKey, Mapping[Place, Decimal | None]]
"""Per object the rate of each currency and day that its facts need; None where there was none."""


@dataclass(frozen=True, slots=True)
class Restating:
    """Rates of a currency changed: its objects behind the place ``after`` (a day, a kind and an id) and before the day
    ``until`` may be kept at other rates than those that hold."""

    id: int
    currency: str
    until: dt.date
    after: tuple[dt.date, str, str]


async def of_objects(conn: Connection, objects: Iterable[ObjectKey]) -> Conversions:
    """The rates at which these objects are kept."""
    rows = await conn.fetch(
        "select c.* from conversion c join unnest($1::text[], $2::text[]) as o(object_kind, object_id)"
        " using (object_kind, object_id)",
        *columns(list(objects), 2),
    )
    return _read(rows)


async def all_of_them(conn: Connection) -> Conversions:
    """The rates at which every object of another currency is kept."""
    return _read(await conn.fetch("select * from conversion"))


def _read(rows: Sequence[Row]) -> Conversions:
    found: dict[ObjectKey, dict[Place, Decimal | None]] = {}
    for row in rows:
        places = found.setdefault((row["object_kind"], row["object_id"]), {})
        places[row["currency"], row["day"]] = row["rate"]
    return found


async def replace(conn: Connection, objects: Iterable[ObjectKey], conversions: Conversions) -> None:
    """Note at which rates objects are kept from now on, in the place of what was noted of ``objects``."""
    await conn.execute(
        "delete from conversion c using unnest($1::text[], $2::text[]) as o(object_kind, object_id)"
        " where c.object_kind = o.object_kind and c.object_id = o.object_id",
        *columns(list(objects), 2),
    )
    await conn.execute(
        "insert into conversion (object_kind, object_id, currency, day, rate)"
        " select * from unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::numeric[])",
        *columns([(*key, *place, rate) for key, places in conversions.items() for place, rate in places.items()], 5),
    )


async def restate(conn: Connection, changed: Sequence[Changed]) -> None:
    """Note that rates changed."""
    await conn.execute(
        "insert into restating (currency, day, until, object_kind, object_id)"
        " select *, '', '' from unnest($1::text[], $2::date[], $3::date[])",
        *columns([(c.currency, c.since, c.until) for c in changed], 3),
    )


async def is_restating(conn: Connection) -> bool:
    """Whether there are rates whose objects were not all looked at since they changed."""
    return bool(await conn.fetchval("select exists (select from restating)"))


async def oldest_restating(conn: Connection) -> Restating | None:
    """What to go on with."""
    rows = await conn.fetch("select * from restating order by id limit 1")
    found = [Restating(r["id"], r["currency"], r["until"], (r["day"], r["object_kind"], r["object_id"])) for r in rows]
    return found[0] if found else None


async def next_places(conn: Connection, task: Restating, limit: int) -> list[tuple[dt.date, str, str]]:
    """The next objects whose currency changed its rate, each as the place to go on behind: day, kind and id."""
    rows = await conn.fetch(
        "select day, object_kind, object_id from conversion where currency = $1 and day < $2"
        " and (day, object_kind, object_id) > ($3::date, $4::text, $5::text)"
        " order by day, object_kind, object_id limit $6",
        task.currency,
        task.until,
        *task.after,
        limit,
    )
    return [(r["day"], r["object_kind"], r["object_id"]) for r in rows]


async def go_on_behind(conn: Connection, task: Restating, place: tuple[dt.date, str, str] | None) -> None:
    """Note how far a task is; None: it is done."""
    if place is None:
        await conn.execute("delete from restating where id = $1", task.id)
    else:
        await conn.execute(
            "update restating set day = $2, object_kind = $3, object_id = $4 where id = $1", task.id, *place
        )


async def at_other_rates(conn: Connection) -> tuple[int, list[str]]:
    """How many conversions there are, and up to 20 that are not at the rate that holds and wait for no restating."""
    rows = await conn.fetch(
        "select object_kind, object_id, currency, day from conversion c"
        f" where rate is distinct from {held_on('c.currency', 'c.day')}"
        " and not exists (select from restating r where r.currency = c.currency and c.day < r.until"
        " and (c.day, c.object_kind, c.object_id) > (r.day, r.object_kind, r.object_id)) limit 20"
    )
    examined: int = await conn.fetchval("select count(*) from conversion")
    return examined, [" ".join(map(str, r.values())) for r in rows]
