"""What is kept of facts so that values are at hand, what changed, and what was announced."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import ARRAY, BigInteger, Index, Numeric, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.db import INSTANT
from services.kpi.tables.root import KpiTable


class Slice(KpiTable, table=True):
    """What lies in one slot (store.slots) of an additive measure of a subject on a day. ``facts`` rows made it."""

    __tablename__ = "slice"
    __table_args__ = (Index("slice_empty", "measure_id", postgresql_where="facts = 0 and value = 0"),)
    measure_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    slot: int = Field(primary_key=True)
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
    __table_args__ = (Index("key_day_key", "set_id", "key"),)
    set_id: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
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


class Making(KpiTable, table=True):
    """How far the versions that are building have come, by kind of fact: facts of objects until ``reached`` are in what
    it needs; null: all are. Empty while none is being made."""

    __tablename__ = "making"
    over: str = Field(primary_key=True)
    reached: str | None
    facts_done: int = Field(sa_type=BigInteger)
    facts_total: int = Field(sa_type=BigInteger)
    started_at: dt.datetime = Field(sa_type=INSTANT)


class Counting(KpiTable, table=True):
    """How far the keys of a set that versions which are building need are counted for them: before the place
    ``counted``, a subject's kind, its name and a key; null: everywhere."""

    __tablename__ = "counting"
    set_id: str = Field(primary_key=True)
    counted: list[str] | None = Field(sa_type=ARRAY(String))


class Remark(KpiTable, table=True):
    """Days from ``since`` on whose values wait to be marked, of a family of facts, after a definition changed."""

    __tablename__ = "remark"
    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    family: dict[str, Any] = Field(sa_type=JSONB)
    every_kpi: bool
    since: dt.date


class CalendarRow(KpiTable, table=True):
    """One row: the reporting currency, the first month of the fiscal year, the last day announced as come."""

    __tablename__ = "calendar"
    one: bool = Field(primary_key=True)
    currency: str = Field(sa_column_kwargs={"server_default": "USD"})
    fiscal_month: int
    turned_until: dt.date | None


class Conversion(KpiTable, table=True):
    """At which rate (null: there is none) the facts of an object in another currency are kept (domain.exchange)."""

    __tablename__ = "conversion"
    __table_args__ = (
        Index("conversion_day", "currency", "day", "object_kind", "object_id"),
        Index("conversion_no_rate", "object_id", postgresql_where="rate is null"),
    )
    object_id: str = Field(primary_key=True)
    object_kind: str = Field(primary_key=True)
    currency: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    rate: Decimal | None = Field(sa_type=Numeric)


class RestatingRow(KpiTable, table=True):
    """Rates of a currency changed: its objects from a place on (day, kind, id), before the day ``until``, are to be
    looked at. Drained by deletion."""

    __tablename__ = "restating"
    id: int | None = Field(default=None, primary_key=True, sa_type=BigInteger)
    currency: str
    until: dt.date
    day: dt.date
    object_kind: str
    object_id: str


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
