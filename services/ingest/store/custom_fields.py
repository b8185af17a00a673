"""The declarations of custom fields, every version of each."""

from __future__ import annotations

from chassis.db import Connection, Row
from services.ingest.domain.custom_fields import CustomField


async def newest(conn: Connection) -> dict[str, CustomField]:
    """The newest version of each declaration, by name."""
    return {field.name: field for field in reversed(await versions(conn))}


async def versions(conn: Connection) -> list[CustomField]:
    """All versions, by name; of each the newest first. (Decisions of people: there are few.)"""
    return [_field(row) for row in await conn.fetch("select * from custom_field order by name desc, version desc")]


async def lock(conn: Connection) -> None:
    """One decision at a time, until the transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('ingest.custom_field'))")


async def decide(conn: Connection, field: CustomField) -> None:
    """Write a new version; the lock of ``lock`` must be held."""
    await conn.execute(
        "insert into custom_field (name, version, type, required, event_types, active, decided_by, decided_at)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        field.name,
        field.version,
        field.type,
        field.required,
        list(field.event_types),
        field.active,
        field.decided_by,
        field.decided_at,
    )


def _field(row: Row) -> CustomField:
    return CustomField(
        name=row["name"],
        version=row["version"],
        type=row["type"],
        required=row["required"],
        event_types=tuple(row["event_types"]),
        active=row["active"],
        decided_by=row["decided_by"],
        decided_at=row["decided_at"],
    )
