"""What is known of each business object, and the facts made of it: a table per kind, out of the registry."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from sqlalchemy import Boolean, Column, Date, Index, Integer, Numeric, String, Table
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine
from sqlmodel import Field

from chassis.db import INSTANT
from services.kpi.domain.fact_kinds import FACT_KINDS, FactKind, FieldType
from services.kpi.tables.root import KpiTable


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
