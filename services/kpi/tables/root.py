"""The root of kpi's tables."""

from __future__ import annotations

from sqlalchemy.orm import registry
from sqlmodel import SQLModel


class KpiTable(SQLModel, registry=registry()):
    """The root of kpi's tables: a registry of its own, so that no other service's names collide with them."""
