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
    """An event that was not accepted (domain.entries.Entry); faults are JSON.

    ``fingerprint`` is unique, so that the same event sent again is the same entry.
    """

    __table_args__ = (
        CheckConstraint("outcome in ('quarantined', 'conflict')", name="quarantine_outcome"),
        CheckConstraint("state in ('open', 'resolved', 'discarded')", name="quarantine_state"),
        CheckConstraint(
            "(state = 'open') = (closed_at is null) and (state = 'open' or not submitted)", name="quarantine_closed"
        ),
        Index("quarantine_fingerprint", "fingerprint", unique=True),
        Index("quarantine_open", "source", "event_id", postgresql_where=text("state = 'open'")),
        Index("quarantine_by_source", "source", "quarantine_id"),
        Index("quarantine_by_object", "object_id", "quarantine_id"),
        Index("quarantine_by_fault", "fault_words", postgresql_using="gin"),
    )

    quarantine_id: str = Field(primary_key=True)
    fingerprint: bytes
    outcome: str
    state: str
    revision: int
    submitted: bool
    source: str
    event_id: str
    type: str
    object_id: str | None
    received_at: dt.datetime = Field(sa_type=INSTANT)
    closed_at: dt.datetime | None = Field(default=None, sa_type=INSTANT)
    event: bytes
    correction: bytes | None
    faults: str
    faults_as_sent: str
    fault_words: list[str] = Field(sa_type=ARRAY(Text))
    rep_ids: list[str] = Field(sa_type=ARRAY(Text))


class QuarantineEdit(IngestTable, table=True):
    """A line of an entry's history (domain.entries.Edit): added once and never changed, triggers and rights see to it.

    ``change`` and ``undo`` are JSON, as text because JSON in the database holds no U+0000.
    """

    __tablename__ = "quarantine_edit"
    __table_args__ = (Index("quarantine_edit_at", "at", "quarantine_id", "revision"),)

    quarantine_id: str = Field(primary_key=True)
    revision: int = Field(primary_key=True)
    at: dt.datetime = Field(sa_type=INSTANT)
    actor: str
    action: str
    outcome: str | None
    state: str
    faults_before: str
    faults_after: str
    reason: str | None
    change: str | None
    undo: str | None
    place: str | None


class DoorCount(IngestTable, table=True):
    """What the door did not take as sent, counted (contracts.quality.DoorCount). ``rep_id`` empty: whoever it credits.

    A count is the sum of its slots, so that no row is one that every request waits for. ``told``: it was announced.
    """

    __tablename__ = "door_count"
    __table_args__ = (Index("door_count_untold", "day", postgresql_where=text("not told")),)

    day: dt.date = Field(primary_key=True)
    source: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    rep_id: str = Field(primary_key=True)
    slot: int = Field(primary_key=True)
    duplicate: int = Field(sa_type=BigInteger)
    quarantined: int = Field(sa_type=BigInteger)
    conflict: int = Field(sa_type=BigInteger)
    resolved: int = Field(sa_type=BigInteger)
    discarded: int = Field(sa_type=BigInteger)
    told: bool


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
