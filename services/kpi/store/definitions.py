"""Published definitions, every version of each; and the calendar that windows follow."""

from __future__ import annotations

import datetime as dt
from typing import NamedTuple

import msgspec

from chassis.db import Connection
from services.kpi.domain.definitions import Definition, Published, Status
from services.kpi.domain.fact_kinds import FieldType


class Row(NamedTuple):
    """A published version as it is stored."""

    key: str
    version: int
    body: str
    published_at: dt.datetime
    published_by: str
    custom: str
    valid_from: dt.date | None
    status: Status
    ticket: int
    switched_at: dt.datetime | None


_decode = msgspec.json.Decoder(Definition).decode
_types = msgspec.json.Decoder(dict[str, FieldType]).decode


def published(row: Row) -> Published:
    """The version that a row holds."""
    return Published(
        _decode(row.body),
        row.version,
        row.published_at,
        row.published_by,
        _types(row.custom),
        row.valid_from,
        row.status,
        row.ticket,
        row.switched_at,
    )


COLUMNS = (
    "key, version, body::text as body, published_at, published_by, custom::text as custom, valid_from, status, ticket,"
    " switched_at"
)
"""Those of a Row."""
_ROWS = f"select {COLUMNS} from definition"


async def versions(conn: Connection, key: str, before: int | None = None, limit: int | None = None) -> list[Published]:
    """The versions of a key with a number below ``before``, the newest first."""
    rows = await conn.fetch(
        f"{_ROWS} where key = $1 and ($2::int is null or version < $2) order by version desc limit $3",
        key,
        before,
        limit,
    )
    return [published(Row(*r.values())) for r in rows]


async def version(conn: Connection, key: str, number: int) -> Published | None:
    """One version of a key."""
    row = await conn.fetchrow(f"{_ROWS} where key = $1 and version = $2", key, number)
    return published(Row(*row.values())) if row else None


async def asked_before(conn: Connection, key: str, request_id: str) -> Published | None:
    """The version of a key that a request published."""
    row = await conn.fetchrow(f"{_ROWS} where key = $1 and request_id = $2", key, request_id)
    return published(Row(*row.values())) if row else None


async def next_ticket(conn: Connection) -> int:
    """The next place in the order of publications."""
    found: int = await conn.fetchval("select coalesce(max(ticket), 0) + 1 from definition")
    return found


async def build(conn: Connection) -> None:
    """Let what is made from now on be for all that wait."""
    await conn.execute("update definition set status = 'building' where status = 'waiting'")


async def build_no_more(conn: Connection) -> None:
    """Let those wait again that something is made for."""
    await conn.execute("update definition set status = 'waiting' where status = 'building'")


async def switch(conn: Connection, published: Published, now: dt.datetime) -> None:
    """Let a version hold that did not yet; those of its key that hold on no day any more are superseded."""
    await conn.execute(
        "update definition set status = 'superseded' where key = $1 and status = 'published'"
        " and coalesce(valid_from, '0001-01-01') >= $2",
        published.definition.key,
        published.since,
    )
    await conn.execute(
        "update definition set status = 'published', switched_at = $3 where key = $1 and version = $2",
        published.definition.key,
        published.version,
        now,
    )


async def withdraw(conn: Connection, published: Published) -> None:
    """Let a version that waits wait no more."""
    await conn.execute(
        "update definition set status = 'withdrawn' where key = $1 and version = $2",
        published.definition.key,
        published.version,
    )


async def publish(conn: Connection, published: Published, request_id: str | None = None) -> None:
    """Add a version."""
    await conn.execute(
        "insert into definition (key, version, body, published_at, published_by, custom, valid_from, status, ticket,"
        " switched_at, request_id) values ($1, $2, $3::text::jsonb, $4, $5, $6::text::jsonb, $7, $8, $9, $10, $11)",
        published.definition.key,
        published.version,
        msgspec.json.encode(published.definition).decode(),
        published.published_at,
        published.published_by,
        msgspec.json.encode(published.custom).decode(),
        published.valid_from,
        published.status,
        published.ticket,
        published.switched_at,
        request_id,
    )


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
