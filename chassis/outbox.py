"""Announcements that commit with the state they tell of, and the relay that carries them to the log.

Drained by deletion, never by position: serial order is not commit order, and a poller that asks for ``id > last``
loses rows. Take the outbox id after the state's row is locked: then per key the order of ids is that of the commits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec import Struct
from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from chassis import telemetry, vitals
from chassis.bus import Bus, Outgoing
from chassis.clock import SystemClock
from chassis.db import Connection, Database
from chassis.lag import OutboxWatch
from chassis.messaging import causes_of, sending
from chassis.telemetry import current_traceparent
from chassis.turns import take_turns
from contracts.envelope import STRUCTURED

BATCH_ROWS_MAX = 2000
IDLE_SECONDS = 0.1
RETRY_SECONDS = 1.0


class OutboxColumns(SQLModel):
    """The columns of every service's ``outbox`` table."""

    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    topic: str
    key: bytes
    value: bytes
    traceparent: str = ""


class Announcement(Struct, frozen=True, gc=False):
    """A record for a topic; ``value`` is a CloudEvent in structured mode (contracts.envelope.encode)."""

    topic: str
    key: str
    value: bytes


async def announce(conn: Connection, announcements: Sequence[Announcement]) -> None:
    """Write announcements in the transaction of the state that they tell of, in the order given; of none, nothing."""
    if not announcements:
        return
    await conn.execute(
        "insert into outbox (topic, key, value, traceparent)"
        " select topic, key, value, $4 from unnest($1::text[], $2::bytea[], $3::bytea[]) with ordinality"
        " as a(topic, key, value, n) order by n",
        [a.topic for a in announcements],
        [a.key.encode() for a in announcements],
        [a.value for a in announcements],
        current_traceparent(),
    )


@dataclass
class Relay:
    """Carries one service's outbox to the log, at least once and in order per key; one of many leads, others idle."""

    bus: Bus
    database: Database
    retry_seconds: float = RETRY_SECONDS
    _watch: OutboxWatch = field(default_factory=lambda: OutboxWatch(SystemClock()))

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a log or a database that is down."""
        name = f"relay of {telemetry.service_name()}"
        with vitals.watching(self._measure):
            await take_turns(name, stop, self._turn, self.retry_seconds)

    async def _turn(self) -> float:
        return 0.0 if await self.carry() else IDLE_SECONDS

    async def _measure(self) -> None:
        async with self.database.connection() as conn:
            await self._watch.tell(conn, telemetry.service_name())

    async def carry(self) -> int:
        """Send the oldest batch and delete it; returns how many rows. A crash in between sends them again."""
        async with self.database.transaction() as conn:
            if not await conn.fetchval("select pg_try_advisory_xact_lock(hashtext(current_schema() || '.relay'))"):
                return 0
            rows = await conn.fetch(
                "select id, topic, key, value, traceparent from outbox order by id limit $1", BATCH_ROWS_MAX
            )
            by_topic: dict[str, list[Outgoing]] = {}
            for row in rows:
                headers = [("content-type", STRUCTURED.encode())]
                if row["traceparent"]:
                    headers.append(("traceparent", row["traceparent"].encode()))
                by_topic.setdefault(row["topic"], []).append(Outgoing(row["key"], row["value"], tuple(headers)))
            for topic, records in by_topic.items():
                with sending(topic, len(records), causes_of(records)):
                    await self.bus.append(topic, records)
            if rows:
                await conn.execute("delete from outbox where id = any($1::bigint[])", [r["id"] for r in rows])
        return len(rows)
