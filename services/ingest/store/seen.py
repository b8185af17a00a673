"""The first event of each identity, and where it lies on the log."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chassis.db import Connection, columns
from services.ingest.domain.outcomes import First


async def firsts(conn: Connection, identities: Collection[bytes]) -> dict[bytes, First]:
    """The first event that is known of each identity; the unknown ones are left out."""
    # One look into the index for each: a plan for all at once may be made while the table is small, and then kept.
    rows = await conn.fetch(
        "select seen.* from unnest($1::bytea[]) as asked(identity) cross join lateral"
        " (select * from seen where seen.identity = asked.identity limit 1) as seen",
        list(identities),
    )
    return {r["identity"]: First(r["content"], r["topic"], r["partition"], r["record_offset"]) for r in rows}


async def remember(conn: Connection, appended: Mapping[bytes, First]) -> dict[bytes, First]:
    """Keep where these lie, the lower offset where two requests raced; returns the first of each as it is kept now."""
    rows = [(i, f.content, f.topic, f.partition, f.offset) for i, f in sorted(appended.items())]
    written = await conn.execute(
        "insert into seen (identity, content, topic, partition, record_offset)"
        " select * from unnest($1::bytea[], $2::bytea[], $3::text[], $4::int[], $5::bigint[])"
        " on conflict (identity) do update set content = excluded.content, record_offset = excluded.record_offset"
        " where seen.record_offset > excluded.record_offset",
        *columns(rows, 5),
    )
    return dict(appended) if written == f"INSERT 0 {len(rows)}" else await firsts(conn, appended)


async def count(conn: Connection) -> int:
    """How many identities are known here."""
    return int(await conn.fetchval("select count(*) from seen"))
