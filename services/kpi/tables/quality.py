"""The tables of data quality over time."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import ARRAY, BigInteger, Identity, Index, SmallInteger, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from services.kpi.tables.root import KpiTable


class EventStream(KpiTable, table=True):
    """A source and an event type that came from it, by a short number."""

    __tablename__ = "event_stream"
    __table_args__ = (Index("event_stream_name", "source", "type", unique=True),)
    stream_id: int | None = Field(default=None, primary_key=True, sa_column_args=(Identity(),))
    source: str
    type: str


class EventCount(KpiTable, table=True):
    """What is counted of the events on the log (domain.quality.Tally), per local day of receipt.

    ``rep_id`` empty: whoever it credits. ``slot``: see store.slots. Zero is null where it is the rule.
    """

    __tablename__ = "event_count"
    __table_args__ = (Index("event_count_day", "day", postgresql_using="brin"),)
    rep_id: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    stream_id: int = Field(primary_key=True)
    slot: int = Field(primary_key=True, sa_type=SmallInteger)
    accepted: int
    duplicate: int | None
    conflict: int | None
    imported: int | None
    late: int | None
    corrections: int | None
    entry_seconds: int | None = Field(sa_type=BigInteger)
    entry_seconds_max: int | None = Field(sa_type=BigInteger)
    entered_0: int | None
    entered_1: int | None
    entered_2: int | None
    entered_3: int | None
    entered_4: int | None
    entered_5: int | None
    entered_6: int | None
    entered_7: int | None
    entered_8: int | None
    entered_9: int | None
    missing: dict[str, int] | None = Field(sa_type=JSONB)


class WaitingEvent(KpiTable, table=True):
    """An event of an object that waits for what it begins with; it goes when that comes."""

    __tablename__ = "waiting_event"
    object_id: str = Field(primary_key=True)
    object_kind: str = Field(primary_key=True)
    pair: bytes = Field(primary_key=True)
    day: dt.date
    stream_id: int
    rep_ids: list[str] = Field(sa_type=ARRAY(Text))


class DoorCount(KpiTable, table=True):
    """What the door counted of the events that are not on the log (contracts.quality), per local day."""

    __tablename__ = "door_count"
    rep_id: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    source: str = Field(primary_key=True)
    type: str = Field(primary_key=True)
    duplicate: int = Field(sa_type=BigInteger)
    quarantined: int = Field(sa_type=BigInteger)
    conflict: int = Field(sa_type=BigInteger)
    resolved: int = Field(sa_type=BigInteger)
    discarded: int = Field(sa_type=BigInteger)
