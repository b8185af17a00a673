"""The fields of the company's own, as ingest announced them."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.db import Connection, columns
from contracts.custom_fields import CustomField


async def save(conn: Connection, fields: Sequence[CustomField]) -> None:
    """Keep the newest version of each; an older one never replaces a newer one."""
    newest = {field.name: field for field in sorted(fields, key=lambda f: f.version)}
    await conn.execute(
        "insert into custom_field (name, version, type, active)"
        " select * from unnest($1::text[], $2::int[], $3::text[], $4::bool[])"
        " on conflict (name) do update set version = excluded.version, type = excluded.type, active = excluded.active"
        " where custom_field.version < excluded.version",
        *columns([(f.name, f.version, f.type, f.active) for _, f in sorted(newest.items())], 4),
    )
