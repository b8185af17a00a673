"""What was decided: definitions and their drafts, custom fields, rates, people, targets."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Index, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.db import INSTANT
from services.kpi.tables.root import KpiTable


class CustomField(KpiTable, table=True):
    """The newest word on a field of the company's own; its name has one type for ever. Taken back: not ``active``."""

    __tablename__ = "custom_field"
    name: str = Field(primary_key=True)
    version: int
    type: str
    active: bool


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
    """Every published version of a KPI's definition (domain.definitions.Published). ``ticket``: the order in which they
    were published; ``request_id``: the Idempotency-Key that it was published with."""

    __tablename__ = "definition"
    key: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSONB)
    published_at: dt.datetime = Field(sa_type=INSTANT)
    published_by: str
    custom: dict[str, Any] = Field(sa_type=JSONB, sa_column_kwargs={"server_default": "{}"})
    valid_from: dt.date | None
    status: str = Field(sa_column_kwargs={"server_default": "published"})
    ticket: int = Field(sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    switched_at: dt.datetime | None = Field(sa_type=INSTANT)
    request_id: str | None


class DraftRow(KpiTable, table=True):
    """A definition that is written, checked, and not published yet: one per key."""

    __tablename__ = "draft"
    key: str = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSONB)
    saved_at: dt.datetime = Field(sa_type=INSTANT)
    saved_by: str


class PersonRow(KpiTable, table=True):
    """The directory's newest word on each person (contracts.directory.Person)."""

    __tablename__ = "person"
    person_id: str = Field(primary_key=True)
    version: int
    body: bytes


class SpanRow(KpiTable, table=True):
    """Whose facts count for whom, and when (domain.spans)."""

    __tablename__ = "span"
    __table_args__ = (
        Index("span_person", "person_id", "valid_from"),
        Index(
            "span_subject", "kind", "subject"
        ),  # by the bytes of the subject (migration 0015), which alembic cannot see
    )
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
