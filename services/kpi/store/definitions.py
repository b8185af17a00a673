"""Published definitions, every version of each; and the calendar that windows follow."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import msgspec

from chassis.db import Connection
from services.kpi.domain.definitions import Definition, Published
from services.kpi.domain.fact_kinds import FieldType


class Row(NamedTuple):
    """A published version as it is stored, so that rows can be compared without being read."""

    key: str
    version: int
    body: str
    published_at: dt.datetime
    published_by: str
    custom: str


_decode = msgspec.json.Decoder(Definition).decode
_types = msgspec.json.Decoder(dict[str, FieldType]).decode


def published(row: Row) -> Published:
    """The version that a row holds."""
    return Published(_decode(row.body), row.version, row.published_at, row.published_by, _types(row.custom))


async def newest(conn: Connection) -> tuple[Row, ...]:
    """The newest version of every definition, in order of their keys."""
    rows = await conn.fetch(
        "select distinct on (key) key, version, body::text as body, published_at, published_by, custom::text as custom"
        " from definition order by key, version desc"
    )
    return tuple(Row(*r.values()) for r in rows)


async def publish(conn: Connection, published: Published) -> None:
    """Add a version."""
    await conn.execute(
        "insert into definition (key, version, body, published_at, published_by, custom)"
        " values ($1, $2, $3::text::jsonb, $4, $5, $6::text::jsonb)",
        published.definition.key,
        published.version,
        msgspec.json.encode(published.definition).decode(),
        published.published_at,
        published.published_by,
        msgspec.json.encode(published.custom).decode(),
    )


async def fiscal_month(conn: Connection) -> int:
    """The first month of the fiscal year."""
    found: int = await conn.fetchval("select fiscal_month from calendar")
    return found


async def installation(conn: Connection) -> tuple[int, str]:
    """The first month of the fiscal year, and the reporting currency."""
    (row,) = await conn.fetch("select fiscal_month, currency from calendar")
    return row["fiscal_month"], row["currency"]


async def set_currency(conn: Connection, currency: str) -> None:
    """Let this be the reporting currency."""
    await conn.execute("update calendar set currency = $1 where currency <> $1", currency)


async def set_fiscal_month(conn: Connection, month: int) -> None:
    """Let the fiscal year begin with another month."""
    await conn.execute("update calendar set fiscal_month = $1", month)


async def turned_until(conn: Connection) -> dt.date | None:
    """The last day whose values were announced as a day that has come; None before the first."""
    found: dt.date | None = await conn.fetchval("select turned_until from calendar")
    return found


async def turn(conn: Connection, day: dt.date) -> None:
    """Note that a day has come."""
    await conn.execute("update calendar set turned_until = $1", day)
