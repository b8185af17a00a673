"""Records that could not be handled: kept whole, with the reason, until someone replays or discards them.

Poison (no retry will make it good) stands alone, and later records of its key are handled. A record whose handling
fails for another reason *holds* its key: what comes later of the key is kept behind it, so that nothing overtakes it,
and all of it is replayed in order. Why so: docs/decisions/a-key-that-fails-is-held.md.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence

import msgspec
from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from chassis.bus import At, Partition, Record
from chassis.db import INSTANT, Connection, Row

DEAD_LETTERS_MAX = 10_000
HELD_KEYS_MAX = 100
"""More keys than this do not fail by themselves: it is their reader that fails."""
REASON_CHARACTERS_MAX = 2_000
BEHIND = "an earlier record of its key is held"

Handle = Callable[[Connection, Sequence[Record]], Awaitable[None]]
Key = tuple[Partition, bytes]
_encode_headers = msgspec.msgpack.Encoder().encode
_decode_headers = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...]).decode


class DeadLetterColumns(SQLModel):
    """The columns of every service's ``dead_letter`` table."""

    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    record_offset: int = Field(primary_key=True, sa_type=BigInteger)
    key: bytes
    value: bytes
    headers: bytes  # msgpack, ordered pairs
    appended_at: dt.datetime = Field(sa_type=INSTANT)
    holds: bool  # whether later records of its key wait behind it
    reason: str
    parked_at: dt.datetime = Field(sa_type=INSTANT)


class TooManyDeadLetters(Exception):
    """Over the limit a consumer stops rather than parks the world."""


class NoSuchLetter(Exception):
    """Nothing is kept under this place: it never was, or somebody replayed or discarded it."""


def key_of(record: Record) -> Key:
    """What a failing record holds: its key, in its partition."""
    return record.partition, record.key


async def park(conn: Connection, record: Record, error: Exception, now: dt.datetime) -> None:
    """Keep poison in this transaction. Raises TooManyDeadLetters."""
    await _keep(conn, [record], _told(error), now, holds=False)


async def hold(conn: Connection, record: Record, error: Exception, now: dt.datetime) -> None:
    """Keep a record, and from now on all later ones of its key behind it. Raises TooManyDeadLetters."""
    if await held_keys(conn) >= HELD_KEYS_MAX:
        raise TooManyDeadLetters(f"{HELD_KEYS_MAX} keys are held already")
    await _keep(conn, [record], _told(error), now, holds=True)


async def pass_by(conn: Connection, records: Sequence[Record], now: dt.datetime) -> list[Record]:
    """The records that may be handled; those whose key is held are kept behind it. Raises TooManyDeadLetters.

    For a transaction that has moved the records' positions: nobody replays a key of theirs meanwhile.
    """
    rows = await conn.fetch(
        "select distinct topic, partition, key from dead_letter where holds and topic = any($1::text[])",
        sorted({record.partition.topic for record in records}),
    )
    held = {(Partition(row["topic"], row["partition"]), row["key"]) for row in rows}
    if waiting := [record for record in records if key_of(record) in held]:
        await _keep(conn, waiting, BEHIND, now, holds=True)
    return [record for record in records if key_of(record) not in held]


async def held_keys(conn: Connection) -> int:
    """How many keys are held."""
    return int(await conn.fetchval("select count(distinct (topic, partition, key)) from dead_letter where holds"))


async def discard(conn: Connection, place: At) -> None:
    """Forget a record for good. What waits behind it stays, until it is replayed. Raises NoSuchLetter."""
    await _lock(conn, place)
    if not await _delete(conn, place):
        raise NoSuchLetter


async def following(conn: Connection, place: At, letters_max: int) -> list[Record]:
    """The record that is kept here, or, of a key that is held, the first so many in order. Raises NoSuchLetter.

    Until the transaction ends no reader adds to them: the reader's position is locked, as its own batch locks it.
    """
    await _lock(conn, place)
    rows = await conn.fetch(
        "select each.* from dead_letter chosen join dead_letter each on each.topic = chosen.topic"
        " and each.partition = chosen.partition and (each.record_offset = chosen.record_offset"
        " or chosen.holds and each.holds and each.key = chosen.key)"
        " where chosen.topic = $1 and chosen.partition = $2 and chosen.record_offset = $3"
        " order by each.record_offset limit $4",
        *place.partition,
        place.offset,
        letters_max,
    )
    if not rows:
        raise NoSuchLetter
    return [record_of(row) for row in rows]


async def replay(conn: Connection, record: Record, handle: Handle) -> None:
    """Handle a record that was kept, and forget it. For a transaction that asked ``following``; rolls its own part
    back and raises what the handler raises."""
    async with conn.transaction():
        await handle(conn, [record])
        await _delete(conn, At(record.partition, record.offset))


async def tell_reason(conn: Connection, record: Record, error: Exception) -> None:
    """Say of a record that is kept why it could not be handled the last time."""
    await conn.execute(
        "update dead_letter set reason = $4 where topic = $1 and partition = $2 and record_offset = $3",
        *record.partition,
        record.offset,
        _told(error),
    )


def record_of(row: Row) -> Record:
    """A kept record as it lay on the log."""
    partition = Partition(row["topic"], row["partition"])
    return Record(partition, row["record_offset"], row["key"], row["value"], headers_of(row), row["appended_at"])


def headers_of(row: Row) -> tuple[tuple[str, bytes], ...]:
    """A kept record's headers."""
    return _decode_headers(row["headers"])


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:REASON_CHARACTERS_MAX]


async def _lock(conn: Connection, place: At) -> None:
    query = "select 1 from position where topic = $1 and partition = $2 for update"
    await conn.execute(query, *place.partition)


async def _delete(conn: Connection, place: At) -> bool:
    query = "delete from dead_letter where topic = $1 and partition = $2 and record_offset = $3 returning true"
    return bool(await conn.fetchval(query, *place.partition, place.offset))


async def _keep(conn: Connection, records: Sequence[Record], reason: str, now: dt.datetime, *, holds: bool) -> None:
    if await conn.fetchval("select count(*) from dead_letter") + len(records) > DEAD_LETTERS_MAX:
        raise TooManyDeadLetters(f"{DEAD_LETTERS_MAX} dead letters wait already")
    await conn.executemany(
        "insert into dead_letter (topic, partition, record_offset, key, value, headers, appended_at, holds, reason,"
        " parked_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
        [
            (*r.partition, r.offset, r.key, r.value, _encode_headers(r.headers), r.appended_at, holds, reason, now)
            for r in records
        ],
    )
