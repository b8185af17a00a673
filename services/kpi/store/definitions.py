"""Published definitions, every version of each."""

from __future__ import annotations

import msgspec

from chassis.db import Connection
from services.kpi.domain.definitions import Definition, Published


async def in_force(conn: Connection) -> dict[str, Published]:
    """The newest version of every definition, by key."""
    rows = await conn.fetch(
        "select distinct on (key) key, version, body::text as body, published_at, published_by"
        " from definition order by key, version desc"
    )
    return {
        r["key"]: Published(
            msgspec.json.decode(r["body"], type=Definition), r["version"], r["published_at"], r["published_by"]
        )
        for r in rows
    }


async def publish(conn: Connection, published: Published) -> None:
    """Add a version."""
    await conn.execute(
        "insert into definition (key, version, body, published_at, published_by)"
        " values ($1, $2, $3::text::jsonb, $4, $5)",
        published.definition.key,
        published.version,
        msgspec.json.encode(published.definition).decode(),
        published.published_at,
        published.published_by,
    )
