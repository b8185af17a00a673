"""The definitions in force and what they mean, as they stand in a transaction."""

from __future__ import annotations

from functools import lru_cache

from chassis.db import Connection
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.meaning import Kept
from services.kpi.domain.timeline import Timeline
from services.kpi.store import custom_fields, definitions, making

_INSTALLATIONS_MAX = 8


async def in_force(conn: Connection) -> Timeline:
    """Which version of every definition holds when. What they mean is worked out once, until one of them changes."""
    custom = await custom_fields.types(conn)
    fiscal_month, currency = await definitions.installation(conn)
    return _read(await definitions.holding(conn), tuple(sorted(custom.items())), fiscal_month, currency)


async def folded(conn: Connection, known: Timeline) -> Kept:
    """Where what facts give goes: all that is kept, and what is being made, as far as it is.

    Needs a lock of store.directory, or a snapshot: what is made moves on under the exclusive one.
    """
    if not any(v.status == "building" for v in known.queue):
        return known.kept
    reached = {p.over: p.reached for p in await making.progress(conn)}
    return known.kept.beside(known.to_make.made_until(reached, await making.counted(conn)))


@lru_cache(maxsize=_INSTALLATIONS_MAX)
def _read(
    rows: tuple[definitions.Row, ...], custom: tuple[tuple[str, FieldType], ...], fiscal_month: int, currency: str
) -> Timeline:
    found = [definitions.published(row) for row in rows]
    holding, queue = (tuple(v for v in found if (v.status == "published") == holds) for holds in (True, False))
    return Timeline(holding, queue, dict(custom), fiscal_month, currency)
