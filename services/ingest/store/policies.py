"""The required-fields policies, every version of each."""

from __future__ import annotations

import datetime as dt

from chassis.db import Connection
from services.ingest.domain.policies import Policy


async def in_force(conn: Connection) -> dict[str, Policy]:
    """The required-fields policy in force of each event type that has one."""
    rows = await conn.fetch(
        "select distinct on (type) type, version, pointers from required_fields order by type, version desc"
    )
    return {row["type"]: Policy(row["version"], tuple(row["pointers"])) for row in rows}


async def lock(conn: Connection) -> None:
    """One decision at a time, until the transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('ingest.required_fields'))")


async def decide(conn: Connection, event_type: str, policy: Policy, decided_by: str, now: dt.datetime) -> None:
    """Write a new version of a type's policy; the locks of ``lock`` must be held."""
    await conn.execute(
        "insert into required_fields (type, version, pointers, decided_by, decided_at) values ($1, $2, $3, $4, $5)",
        event_type,
        policy.version,
        list(policy.required),
        decided_by,
        now,
    )
