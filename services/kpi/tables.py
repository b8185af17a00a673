"""kpi's tables: the schema of record, which a test holds against the migrations."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, Numeric, String, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import registry
from sqlalchemy.types import TypeEngine
from sqlmodel import Field, SQLModel

from chassis.db import INSTANT
from chassis.dead_letters import DeadLetterColumns
from chassis.inbox import PositionColumns
from chassis.outbox import OutboxColumns
from services.kpi.domain.fact_kinds import FACT_KINDS, FactKind, FieldType


class KpiTable(SQLModel, registry=registry()):
    """The root of kpi's tables: a registry of its own, so that no other service's names collide with them."""


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


class ObjectHistory(KpiTable, table=True):
    """What is known of each business object (domain.objects), packed; the rest of the row is there to be listed."""

    __tablename__ = "object_history"
    __table_args__ = (
        Index("object_history_waiting", "object_id", postgresql_where="status = 'waiting'"),
        Index("object_history_excess", "object_id", postgresql_where="excess > 0"),
    )
    object_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    partition: int
    packed: bytes
    status: str
    excess: Decimal = Field(sa_type=Numeric)
    received_at: dt.datetime = Field(sa_type=INSTANT)


_TYPES: dict[FieldType, TypeEngine[Any]] = {
    "text": String(),
    "decimal": Numeric(),
    "boolean": Boolean(),
    "date": Date(),
    "instant": INSTANT,
}


def _fact_table(kind: FactKind) -> Table:
    """The table of a kind of fact (domain.fact_kinds): a row for each credit of each entry of an object."""
    return Table(
        kind.table,
        KpiTable.metadata,
        Column("object_id", String, primary_key=True),
        Column("entry", String, primary_key=True),
        Column("line", Integer, primary_key=True),
        Column("partition", Integer, nullable=False),
        *(Column(name, String) for name in ("rep_id", "customer_id", "territory")),
        Column("attributes", JSONB, nullable=False),
        *(Column(name, _TYPES[t]) for name, t in kind.own.items()),
        *(Column(name, Date) for name in kind.day_columns),
        Index(f"{kind.table}_rep", "rep_id", kind.day_columns[0]),
        Index(f"{kind.table}_territory", "territory", kind.day_columns[0]),
        *(Index(f"{kind.table}_{day}", day) for day in kind.anchors.values()),
    )


FACTS = {kind.name: _fact_table(kind) for kind in FACT_KINDS.values()}
"""The table of each kind of fact."""


class CustomField(KpiTable, table=True):
    """The newest word on a field of the company's own; its name has one type for ever. Taken back: not ``active``."""

    __tablename__ = "custom_field"
    name: str = Field(primary_key=True)
    version: int
    type: str
    active: bool


class Slice(KpiTable, table=True):
    """An additive measure of a subject on a day, per partition: no row has two writers. ``facts`` rows made it."""

    __tablename__ = "slice"
    __table_args__ = (Index("slice_empty", "measure_id", postgresql_where="facts = 0"),)
    measure_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    partition: int = Field(primary_key=True)
    value: Decimal = Field(sa_type=Numeric)
    facts: int = Field(sa_type=BigInteger)


class Changed(KpiTable, table=True):
    """A mark: facts of this subject and day changed, and its values wait to be announced. Drained by deletion.

    ``family``: of which facts, and by which date (domain.measures.Family); empty for values of every KPI.
    """

    __tablename__ = "changed"
    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    family: str = Field(default="", sa_column_kwargs={"server_default": ""})
    kind: str
    subject: str
    day: dt.date
    reason: int
    traceparent: str = Field(default="", sa_column_kwargs={"server_default": ""})


class KeyDay(KpiTable, table=True):
    """How many facts of a subject have a key of a set on a day (domain.key_sets)."""

    __tablename__ = "key_day"
    set_id: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    facts: int


class KeySlice(KpiTable, table=True):
    """How many keys of a set entered a period on a day: had their ``at_least``-th fact of the period; 0: their first
    ever. Kept per set, not per partition: a key's facts come from every partition."""

    __tablename__ = "key_slice"
    __table_args__ = (Index("key_slice_empty", "set_id", postgresql_where="facts = 0"),)
    set_id: str = Field(primary_key=True)
    at_least: int = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    facts: int
    days: int
    weeks: int
    months: int
    quarters: int
    years: int
    fiscal_quarters: int
    fiscal_years: int


class CalendarRow(KpiTable, table=True):
    """One row: the first month of the fiscal year, and the last day that was announced as come."""

    __tablename__ = "calendar"
    one: bool = Field(primary_key=True)
    fiscal_month: int
    turned_until: dt.date | None


class AnnouncedValue(KpiTable, table=True):
    """The newest announced version of each value."""

    __tablename__ = "announced_value"
    __table_args__ = (Index("announced_value_period", "grain", "period_from"),)
    kpi: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    grain: str = Field(primary_key=True)
    period_from: dt.date = Field(primary_key=True)
    definition_version: int
    version: int
    value: str | None
    reason: str
    announced_at: dt.datetime = Field(sa_type=INSTANT)


class RateRow(KpiTable, table=True):
    """Every decision about a rate; of a currency and first day the highest version holds."""

    __tablename__ = "rate"
    currency: str = Field(primary_key=True)
    valid_from: dt.date = Field(primary_key=True)
    version: int = Field(primary_key=True)
    value: Decimal = Field(sa_type=Numeric)
    decided_at: dt.datetime = Field(sa_type=INSTANT)
    decided_by: str


class DefinitionVersion(KpiTable, table=True):
    """Every published version of a KPI's definition; the highest is in force."""

    __tablename__ = "definition"
    key: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSONB)
    published_at: dt.datetime = Field(sa_type=INSTANT)
    published_by: str
    custom: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": "{}"})


class PersonRow(KpiTable, table=True):
    """The directory's newest word on each person (contracts.directory.Person)."""

    __tablename__ = "person"
    person_id: str = Field(primary_key=True)
    version: int
    body: bytes


class SpanRow(KpiTable, table=True):
    """Whose facts count for whom, and when (domain.spans)."""

    __tablename__ = "span"
    __table_args__ = (Index("span_person", "person_id", "valid_from"),)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    person_id: str = Field(primary_key=True)
    valid_from: dt.date = Field(primary_key=True)
    valid_to: dt.date


class TargetRow(KpiTable, table=True):
    """The newest version of each target (contracts.incentive.Target)."""

    __tablename__ = "target"
    target_id: str = Field(primary_key=True)
    kpi: str
    subject_kind: str
    subject: str = Field(index=True)
    valid_from: dt.date
    valid_to: dt.date
    version: int
    value: Decimal = Field(sa_type=Numeric)
    currency: str | None
