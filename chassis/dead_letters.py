"""Records that could not be handled: kept whole, with the reason, until someone replays or discards them."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from chassis.bus import Record
from chassis.db import INSTANT, Connection

DEAD_LETTERS_MAX = 10_000


class DeadLetterColumns(SQLModel):
    """The columns of every service's ``dead_letter`` table."""

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    record_offset: int = Field(primary_key=True, sa_type=BigInteger)
    key: bytes
    value: bytes
    reason: str
    parked_at: dt.datetime = Field(sa_type=INSTANT)


class TooManyDeadLetters(Exception):
    """Over the limit a consumer stops rather than parks the world."""


async def park(conn: Connection, record: Record, error: Exception, now: dt.datetime) -> None:
    """Keep a record in this transaction. Raises TooManyDeadLetters."""
    if await conn.fetchval("select count(*) from dead_letter") >= DEAD_LETTERS_MAX:
        raise TooManyDeadLetters(f"{DEAD_LETTERS_MAX} dead letters wait already")
    await conn.execute(
        "insert into dead_letter (topic, partition, record_offset, key, value, reason, parked_at)"
        " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
        record.partition.topic,
        record.partition.number,
        record.offset,
        record.key,
        record.value,
        f"{type(error).__name__}: {error}"[:2000],
        now,
    )
