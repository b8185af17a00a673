"""incentive's tables: the schema of record, which a test holds against the migrations."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import registry
from sqlmodel import Column, Field, SQLModel

from chassis.db import INSTANT
from chassis.dead_letters import DeadLetterColumns
from chassis.inbox import PositionColumns
from chassis.outbox import OutboxColumns


class IncentiveTable(SQLModel, registry=registry()):
    """The root of incentive's tables: a registry of its own, so that no other service's names collide with them."""


class Position(PositionColumns, IncentiveTable, table=True):
    """How far each partition was read."""

    __tablename__ = "position"


class Outbox(OutboxColumns, IncentiveTable, table=True):
    """Announcements that wait for the relay."""

    __tablename__ = "outbox"


class DeadLetter(DeadLetterColumns, IncentiveTable, table=True):
    """Records that could not be handled."""

    __tablename__ = "dead_letter"


class Seen(IncentiveTable, table=True):
    """The identity of every accepted event, for ever: 16 bytes of (object, source, id), 16 of its content."""

    __tablename__ = "seen"
    identity: bytes = Field(primary_key=True)
    content: bytes


class OrderHistoryRow(IncentiveTable, table=True):
    """What is known of each order (contracts.orders), packed, and as JSON the events that its state stands on."""

    __tablename__ = "order_history"
    order_id: str = Field(primary_key=True)
    packed: bytes
    causes: str


class CreditRow(IncentiveTable, table=True):
    """A payee's part of an order as it stands now; exact amounts as text (domain.facts.Credit)."""

    __tablename__ = "credit"
    __table_args__ = (Index("credit_payee", "payee_id", "day"), Index("credit_currency", "currency", "day"))
    order_id: str = Field(primary_key=True)
    credit_id: str = Field(primary_key=True)
    payee_id: str
    day: dt.date
    currency: str
    amount: str
    gross: str
    overlay: bool
    cancelled: bool


class RateRow(IncentiveTable, table=True):
    """What a unit of a currency is worth in the reporting currency, from a day on until the next; kpi's newest word."""

    __tablename__ = "rate"
    currency: str = Field(primary_key=True)
    valid_from: dt.date = Field(primary_key=True)
    value: Decimal = Field(sa_type=Numeric)
    version: int


class PersonRow(IncentiveTable, table=True):
    """The directory's newest word on each person: ids only."""

    __tablename__ = "person"
    person_id: str = Field(primary_key=True)
    version: int
    roles: str


class MembershipRow(IncentiveTable, table=True):
    """Where a person belongs over ``[valid_from, valid_to)``; an open end is the last day of the calendar."""

    __tablename__ = "membership"
    __table_args__ = (Index("membership_below", "kind", "belongs_to"),)
    person_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    belongs_to: str = Field(primary_key=True)
    valid_from: dt.date = Field(primary_key=True)
    valid_to: dt.date


class TargetRow(IncentiveTable, table=True):
    """A target by its natural key, in its newest version."""

    __tablename__ = "target"
    __table_args__ = (Index("target_subject", "subject_kind", "subject", "valid_from"),)
    target_id: str = Field(primary_key=True)
    kpi: str
    subject_kind: str
    subject: str
    valid_from: dt.date
    valid_to: dt.date
    currency: str | None
    value: str
    version: int


class TargetVersionRow(IncentiveTable, table=True):
    """Every version that a target ever had."""

    __tablename__ = "target_version"
    target_id: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    value: str
    currency: str | None
    set_at: dt.datetime = Field(sa_type=INSTANT)
    set_by: str


class PayeeParameterRow(IncentiveTable, table=True):
    """A dated value of a payee, in its newest version."""

    __tablename__ = "payee_parameter"
    payee_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    valid_from: dt.date = Field(primary_key=True)
    valid_to: dt.date | None
    value: str
    version: int


class PayeeParameterVersionRow(IncentiveTable, table=True):
    """Every version that a payee's dated value ever had."""

    __tablename__ = "payee_parameter_version"
    payee_id: str = Field(primary_key=True)
    name: str = Field(primary_key=True)
    valid_from: dt.date = Field(primary_key=True)
    version: int = Field(primary_key=True)
    valid_to: dt.date | None
    value: str
    set_at: dt.datetime = Field(sa_type=INSTANT)
    set_by: str


class PlanVersionRow(IncentiveTable, table=True):
    """Every published version of a plan: the document as it was written."""

    __tablename__ = "plan_version"
    key: str = Field(primary_key=True)
    version: int = Field(primary_key=True)
    document: str
    published_at: dt.datetime = Field(sa_type=INSTANT)
    published_by: str


class Due(IncentiveTable, table=True):
    """A mark: what this payee earned over ``[since, until)`` has to be settled again. Drained by deletion."""

    __tablename__ = "due"
    __table_args__ = (Index("due_payee", "payee_id"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    payee_id: str
    since: dt.date
    until: dt.date
    traceparent: str = Field(default="", sa_column_kwargs={"server_default": ""})


class LineRow(IncentiveTable, table=True):
    """What a payee earns by a credit or a window, as the ledger has it now, and its derivation (null: no more)."""

    __tablename__ = "line"
    __table_args__ = (Index("line_payee", "payee_id", "window_from"), Index("line_order", "order_id"))
    line_id: str = Field(primary_key=True)
    kind: str
    plan: str
    plan_version: int
    component: str
    payee_id: str
    window_from: dt.date
    window_to: dt.date
    currency: str
    order_id: str | None
    credit_id: str | None
    earned_on: dt.date
    amount_minor: Decimal = Field(sa_type=Numeric)
    entries: int
    trace: str | None


class LedgerEntryRow(IncentiveTable, table=True):
    """An entry, written once and never changed: triggers and rights see to it."""

    __tablename__ = "ledger_entry"
    __table_args__ = (UniqueConstraint("line_id", "sequence"),)
    entry_id: str = Field(primary_key=True)
    line_id: str
    sequence: int
    previous_entry_id: str | None
    kind: str
    payee_id: str = Field(index=True)
    plan: str
    plan_version: int
    component: str
    window_from: dt.date
    window_to: dt.date
    currency: str
    earned_on: dt.date
    causes: str
    posted_at: dt.datetime = Field(sa_type=INSTANT)


class LedgerPostingRow(IncentiveTable, table=True):
    """A leg of an entry in minor units: debits are positive; an entry's legs are written together and sum to zero."""

    __tablename__ = "ledger_posting"
    entry_id: str = Field(sa_column=Column(ForeignKey("ledger_entry.entry_id"), primary_key=True))
    account: str = Field(primary_key=True)
    amount_minor: Decimal = Field(sa_type=Numeric)
