"""The tables of ingest, on a registry of its own; written to by ``store`` alone."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Index, Text, text
from sqlalchemy.orm import registry
from sqlmodel import Field, SQLModel

from chassis.db import INSTANT
from chassis.outbox import OutboxColumns


class IngestTable(SQLModel, registry=registry()):
    """The base of ingest's tables."""


class Seen(IngestTable, table=True):
    """The first event of each identity that this door put on the log: 16-byte hashes, and its place.

    Advisory: a crash between the append and this row leaves the row out; the log's readers decide.
    """

    identity: bytes = Field(primary_key=True)
    content: bytes
    topic: str
    partition: int
    record_offset: int = Field(sa_type=BigInteger)


class Quarantine(IngestTable, table=True):
    """An event that was not accepted: its own bytes, and why (faults as JSON; none for a conflict).

    ``source`` … ``object_id`` are what could be read of it, made printable. ``fingerprint`` is unique, so that the
    same event sent again is the same entry.
    """

    __table_args__ = (
        CheckConstraint("outcome in ('quarantined', 'conflict', 'resolved')", name="quarantine_outcome"),
        Index("quarantine_fingerprint", "fingerprint", unique=True),
        Index("quarantine_open", "source", "event_id", postgresql_where=text("outcome = 'quarantined'")),
        Index("quarantine_by_source", "source", "quarantine_id"),
    )

    quarantine_id: str = Field(primary_key=True)
    fingerprint: bytes
    outcome: str
    source: str
    event_id: str
    type: str
    object_id: str | None
    received_at: dt.datetime = Field(sa_type=INSTANT)
    resolved_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    event: bytes
    faults: str


class RequiredFields(IngestTable, table=True):
    """A version of an event type's required-fields policy; the highest holds, the others stay for the record."""

    __tablename__ = "required_fields"

    type: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    pointers: list[str] = Field(sa_type=ARRAY(Text))
    decided_by: str
    decided_at: dt.datetime = Field(sa_type=INSTANT)


class CustomField(IngestTable, table=True):
    """A version of a custom field's declaration; the highest holds, the others stay for the record."""

    __tablename__ = "custom_field"

    name: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    type: str
    required: bool
    event_types: list[str] = Field(sa_type=ARRAY(Text))
    active: bool
    decided_by: str
    decided_at: dt.datetime = Field(sa_type=INSTANT)


class Outbox(OutboxColumns, IngestTable, table=True):
    """Declarations on their way to the log."""

    __tablename__ = "outbox"
