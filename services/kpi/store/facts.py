"""Facts, and the slices, key sets and marks that follow them: a statement per fact table and batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from chassis.arrays import literal, literals
from chassis.db import Connection
from chassis.telemetry import current_traceparent
from contracts.sales import Attributes
from services.kpi.domain.fact_kinds import FACT_KINDS, KEY_COLUMNS, SHARED_COLUMNS
from services.kpi.domain.fact_sql import deletion, given, insertion
from services.kpi.domain.facts import Fact
from services.kpi.domain.meaning import Kept
from services.kpi.domain.slices import folding
from services.kpi.domain.sql import Params
from services.kpi.store import keys

_ATTRIBUTES = SHARED_COLUMNS.index("attributes")


Change = tuple[Any, ...]
"""A fact that comes or goes: its row, then the partition of its object's log and the rank of the reason to tell."""


def change(fact: Fact, partition: int, reason: int) -> Change:
    """A fact that comes or goes."""
    return (*astuple(fact), partition, reason)


async def remove(conn: Connection, over: str, changes: Sequence[Change], kept: Kept, slot: int) -> None:
    """Take facts of one kind away, and what they gave to the slices. ``slot``: see store.slots."""
    kind, slices = FACT_KINDS[over], kept.of(over).slices
    names = len(KEY_COLUMNS)
    params = Params(literals([(*c[:names], c[-1]) for c in changes], names + 1))
    query = f"with gone as ({deletion(kind)})"
    if not slices:
        await conn.execute(f"{query} select from gone", *params)
        return
    fold = folding(slices, params, "gone f", "f.reason", -1, slot, current_traceparent())
    await conn.execute(f"{query}, {fold}", *params)


async def add(conn: Connection, over: str, changes: Sequence[Change], kept: Kept, slot: int) -> None:
    """Add facts of one kind, and what they give to the slices. ``slot``: see store.slots."""
    kind, slices = FACT_KINDS[over], kept.of(over).slices
    params = _rows(over, changes, [1] * len(changes))
    query = f"with given as ({given(kind)})"
    if not slices:
        await conn.execute(f"{query} {insertion(kind)}", *params)
        return
    fold = folding(slices, params, "given f", "f.reason", 1, slot, current_traceparent())
    await conn.execute(f"{query}, fresh as ({insertion(kind)}), {fold}", *params)


async def take_keys(
    conn: Connection, over: str, gone: Sequence[Change], fresh: Sequence[Change], kept: Kept, shift: int
) -> None:
    """Tell the key sets of a kind what went and what came, at once. ``shift``: see store.keys; needs its lock."""
    rows = _rows(over, [*gone, *fresh], [-1] * len(gone) + [1] * len(fresh))
    for one in kept.of(over).keys.values():
        await keys.change(
            conn, one, shift, Params(rows), f"given as ({given(FACT_KINDS[over])}), ", "given f", "f.sign"
        )


async def refold(
    conn: Connection, over: str, object_ids: Sequence[str], kept: Kept, shift: int, reason: int, sign: int, slot: int
) -> None:
    """Add (sign 1) or take away (sign -1) what the facts of these objects give, as spans are now.

    Needs the lock of store.keys. ``slot``: see store.slots.
    """
    if not object_ids:
        return
    mine, table = kept.of(over), FACT_KINDS[over].table
    source = f"unnest($1::text[]) as t(object_id) join {table} f using (object_id)"
    if mine.slices:
        params = Params([object_ids])
        fold = folding(mine.slices, params, source, params.add(reason, "int"), sign, slot, current_traceparent())
        await conn.execute(f"with {fold}", *params)
    for one in mine.keys.values():
        await keys.change(conn, one, shift, Params([object_ids]), "", source, str(sign))


async def objects_of(conn: Connection, over: str, person_ids: Sequence[str]) -> list[str]:
    """The objects with a fact of a kind that credits any of these people."""
    rows = await conn.fetch(
        f"select distinct object_id from {FACT_KINDS[over].table} where rep_id = any($1::text[])", person_ids
    )
    return [r["object_id"] for r in rows]


def _rows(over: str, changes: Sequence[Change], signs: Sequence[int]) -> Params:
    """The parameters of ``fact_sql.given``."""
    if not changes:
        return Params(literals([], len(FACT_KINDS[over].columns) + 3))
    columns = list(zip(*changes, strict=True))
    columns[_ATTRIBUTES] = tuple([_json(attributes) for attributes in columns[_ATTRIBUTES]])
    return Params([*map(literal, columns), literal(signs)])


def _json(attributes: Attributes) -> str:
    return msgspec.json.encode(attributes).decode() if attributes else "{}"
