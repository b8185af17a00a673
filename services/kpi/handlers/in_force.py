"""The definitions in force and what they mean, as they stand in a transaction."""

from __future__ import annotations

from functools import lru_cache

from chassis.db import Connection
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.meaning import InForce
from services.kpi.store import custom_fields, definitions

_INSTALLATIONS_MAX = 8


async def in_force(conn: Connection) -> InForce:
    """The newest version of every definition. What they mean is worked out once, until one of them changes."""
    custom = await custom_fields.types(conn)
    fiscal_month, currency = await definitions.installation(conn)
    return _read(await definitions.newest(conn), tuple(sorted(custom.items())), fiscal_month, currency)


@lru_cache(maxsize=_INSTALLATIONS_MAX)
def _read(
    rows: tuple[definitions.Row, ...], custom: tuple[tuple[str, FieldType], ...], fiscal_month: int, currency: str
) -> InForce:
    published = [definitions.published(row) for row in rows]
    return InForce({p.definition.key: p for p in published}, dict(custom), fiscal_month, currency)
