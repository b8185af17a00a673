"""What people keep to ask again."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field

from chassis.db import INSTANT
from services.kpi.tables.root import KpiTable


class SavedRow(KpiTable, table=True):
    """A report or a leaderboard as it stands (domain.saved). ``tree``: its owner saw this manager's tree only.

    ``idempotency_key`` and ``request_hash`` are of the request that made it.
    """

    __tablename__ = "saved"
    __table_args__ = (Index("saved_once", "kind", "owner", "idempotency_key", unique=True),)
    kind: str = Field(primary_key=True)
    id: str = Field(primary_key=True)
    body: dict[str, Any] = Field(sa_type=JSONB)
    owner: str
    tree: str | None
    version: int
    changed_at: dt.datetime = Field(sa_type=INSTANT)
    changed_by: str
    idempotency_key: str | None
    request_hash: str | None
