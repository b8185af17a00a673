"""The required-fields policies, every version of each."""

from __future__ import annotations

from chassis.db import Connection
from services.ingest.domain.policies import Policy


async def in_force(conn: Connection) -> dict[str, Policy]:
    """The required-fields policy in force of each event type that has one."""
    rows = await conn.fetch(
        "select distinct on (type) type, version, pointers, decided_by, decided_at from required_fields"
        " order by type, version desc"
    )
    return {r["type"]: Policy(r["version"], tuple(r["pointers"]), r["decided_by"], r["decided_at"]) for r in rows}


async def lock(conn: Connection) -> None:
    """One decision at a time, until the transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('ingest.required_fields'))")


async def decide(conn: Connection, event_type: str, policy: Policy) -> None:
    """Write a new version of a type's policy; the locks of ``lock`` must be held."""
    await conn.execute(
        "insert into required_fields (type, version, pointers, decided_by, decided_at) values ($1, $2, $3, $4, $5)",
        event_type,
        policy.version,
        list(policy.required),
        policy.decided_by,
        policy.decided_at,
    )
