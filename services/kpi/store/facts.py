"""Facts, and the slices, key sets and marks that follow them: a statement per fact table and batch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import astuple

from chassis.arrays import literals
from chassis.db import Connection
from chassis.telemetry import current_traceparent
from contracts.sales import Attributes
from services.kpi.domain.fact_kinds import FACT_KINDS, KEY_COLUMNS, SHARED_COLUMNS
from services.kpi.domain.fact_sql import deletion, given, named
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
    row = astuple(fact)
    return (*row[:_ATTRIBUTES], _json(fact.attributes), *row[_ATTRIBUTES + 1 :], partition, reason)


def _json(attributes: Attributes) -> str:
    return msgspec.json.encode(attributes).decode() if attributes else "{}"


async def remove(conn: Connection, over: str, changes: Sequence[Change], kept: Kept, slot: int) -> None:
    """Take facts of one kind away, and what they gave to the slices. ``slot``: see store.slots."""
    kind, slices = FACT_KINDS[over], kept.of(over).slices
    query, params = f"with gone as ({deletion(kind)})", _keys(changes)
    if not slices:
        await conn.execute(f"{query} select from gone", *params)
        return
    fold = folding(slices, params, "gone f", "f.reason", -1, slot, current_traceparent())
    await conn.execute(f"{query}, {fold}", *params)


async def add(conn: Connection, over: str, changes: Sequence[Change], kept: Kept, slot: int) -> None:
    """Add facts of one kind, and what they give to the slices. ``slot``: see store.slots."""
    kind, slices = FACT_KINDS[over], kept.of(over).slices
    columns = [*kind.columns, "partition"]
    await conn.copy_records_to_table(kind.table, records=[c[:-1] for c in changes], columns=columns)
    if slices:
        params = _keys(changes)
        fold = folding(slices, params, "fresh f", "f.reason", 1, slot, current_traceparent())
        await conn.execute(f"with fresh as ({named(kind)}), {fold}", *params)


async def take_keys(
    conn: Connection, over: str, gone: Sequence[Change], fresh: Sequence[Change], kept: Kept, shift: int
) -> None:
    """Tell the key sets of a kind what went and what came, at once. ``shift``: see store.keys; needs its lock."""
    changes = [(*c, -1) for c in gone] + [(*c, 1) for c in fresh]
    rows = literals(changes, len(FACT_KINDS[over].columns) + 3)
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


def _keys(changes: Sequence[Change]) -> Params:
    """The parameters of ``fact_sql.named`` and ``deletion``."""
    keys = len(KEY_COLUMNS)
    return Params(literals([(*c[:keys], c[-1]) for c in changes], keys + 1))
