"""How far the log was read, which identities are taken, and what could not be counted."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger
from sqlmodel import Field

from chassis.db import INSTANT
from chassis.dead_letters import DeadLetterColumns
from chassis.inbox import PositionColumns
from chassis.outbox import OutboxColumns
from services.kpi.tables.root import KpiTable


class Position(PositionColumns, KpiTable, table=True):
    """How far each partition was read."""

    __tablename__ = "position"


class Outbox(OutboxColumns, KpiTable, table=True):
    """Announcements that wait for the relay."""

    __tablename__ = "outbox"


class DeadLetter(DeadLetterColumns, KpiTable, table=True):
    """Records that could not be handled."""

    __tablename__ = "dead_letter"


class Seen(KpiTable, table=True):
    """The identity of every accepted event, for ever: 16 bytes of (source, id), and who has it: 8 bytes of the object
    that it was first said of, 16 of what was said."""

    __tablename__ = "seen"
    pair: bytes = Field(primary_key=True)
    object: bytes
    content: bytes


class RepeatedId(KpiTable, table=True):
    """An event whose (source, id) an event of another object had first: it counts, and is a fault of its source."""

    __tablename__ = "repeated_id"
    pair: bytes = Field(primary_key=True)
    object: bytes = Field(primary_key=True)
    content: bytes
    object_kind: str
    object_id: str
    source: str
    id: str
    received_at: dt.datetime = Field(sa_type=INSTANT)


class Conflict(KpiTable, table=True):
    """An event whose identity another content holds: kept and shown, never applied."""

    __tablename__ = "conflict"
    topic: str = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    record_offset: int = Field(primary_key=True, sa_type=BigInteger)
    object_kind: str
    object_id: str
    source: str
    id: str
    received_at: dt.datetime = Field(sa_type=INSTANT)
