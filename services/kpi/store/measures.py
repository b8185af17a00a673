"""The numbers of measures over windows: from slices and key sets where they are kept, else from facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from chassis.db import Connection, columns
from services.kpi.domain.cells import Asked, behind, measured
from services.kpi.domain.meaning import Kept
from services.kpi.domain.measures import Measure
from services.kpi.domain.periods import Window
from services.kpi.domain.sql import Params
from services.kpi.store.sums import Column, Number, Numbers, Sums


@dataclass(frozen=True, slots=True)
class Cell:
    """A subject over a window that is cut at its as-of day: what is asked of a measure."""

    measure: Measure
    subject: str
    window: Window


@dataclass(frozen=True, slots=True)
class Behind:
    """A fact behind a value. ``value`` is of the measure's field, None for a count; ``rep_ids`` are those credited.

    ``fields``: what only its kind of fact has, decimals as texts, and ``attributes``.
    """

    day: dt.date
    object_id: str
    entry: str
    value: str | None
    rep_ids: Sequence[str]
    customer_id: str | None
    territory: str | None
    fields: Mapping[str, Any]


Group = tuple[str | None, ...]
"""The values of the fields by which an answer is split up, as texts; None where a fact has none."""


class Plan(NamedTuple):
    """Where numbers are read from: from what is kept, and what is not from facts, with the same meaning."""

    sums: Sums
    facts: dict[Measure, list[Cell]]


def planned(asked: Asked, wanted: Mapping[Column, Collection[str]], kept: Kept) -> Plan:
    """Where subjects' numbers are read from: where they are ``kept``, if the caller sees all that the subject has."""
    plan = Plan(Sums(asked.kind), {})
    for column, subjects in wanted.items():
        measure, window = column
        if window.empty:
            continue
        whole = [s for s in subjects if asked.sight.whole(asked.kind, s)]
        if not plan.sums.add(column, whole, kept):
            whole = []
        if len(whole) < len(subjects):
            plan.facts.setdefault(measure, []).extend(Cell(measure, s, window) for s in subjects if s not in whole)
    return plan


async def read(conn: Connection, asked: Asked, wanted: Mapping[Column, Collection[str]], kept: Kept) -> Numbers:
    """Subjects' numbers. ``kept``: what is kept of facts."""
    plan, params = planned(asked, wanted, kept), Params()
    rows = [] if plan.sums.empty else await conn.fetch(plan.sums.sql(params), *params)
    numbers = plan.sums.numbers(rows)
    for measure, some in plan.facts.items():
        for n, _, number in await _measured(conn, measure, asked, some, kept):
            numbers[measure, some[n - 1].window][some[n - 1].subject] = number
    return numbers


async def read_grouped(
    conn: Connection, asked: Asked, cells: Iterable[Cell], kept: Kept
) -> dict[Cell, dict[Group, Number]]:
    """Each cell's numbers by the values of the fields asked ``by``; always from facts, a group without one left out."""
    wanted: dict[Measure, list[Cell]] = {}
    numbers: dict[Cell, dict[Group, Number]] = {}
    for cell in dict.fromkeys(cells):
        numbers[cell] = {}
        if not cell.window.empty:
            wanted.setdefault(cell.measure, []).append(cell)
    for measure, some in wanted.items():
        for n, group, number in await _measured(conn, measure, asked, some, kept):
            numbers[some[n - 1]][group] = number
    return numbers


async def facts_behind(
    conn: Connection, asked: Asked, cell: Cell, kept: Kept, after: Sequence[str], limit: int
) -> list[Behind]:
    """The facts that a measure counts, by day, object and entry; ``after`` names the last one seen in that order."""
    measure, window = cell.measure, cell.window
    if window.empty:
        return []
    params = Params([[cell.subject], [window.start], [window.end]])
    day, object_id, entry = after or ("0001-01-01", "", "")
    place = [params.add(dt.date.fromisoformat(day), "date"), params.add(object_id, "text"), params.add(entry, "text")]
    at_most = params.add(limit, "int")
    query = behind(measure, asked, params, f"({', '.join(place)})", at_most, _days_kept(measure, kept))
    rows = await conn.fetch(query, *params)
    return [Behind(*[*list(r.values())[:-1], msgspec.json.decode(r["fields"])]) for r in rows]


async def _measured(
    conn: Connection, measure: Measure, asked: Asked, cells: Sequence[Cell], kept: Kept
) -> list[tuple[int, Group, Number]]:
    """The numbers by the place of their cell, counted from 1, and by group."""
    params = Params(columns([(c.subject, c.window.start, c.window.end) for c in cells], 3))
    query = measured(measure, asked, params, _days_kept(measure, kept))
    rows = await conn.fetch(query, *params)
    return [
        (r["n"], tuple(r["g"]), Number(None if r["value"] is None else Decimal(r["value"]), r["facts"])) for r in rows
    ]


def _days_kept(measure: Measure, kept: Kept) -> bool:
    """Whether the days of the measure's keys are kept, so that a key's first one can be looked up."""
    return measure.key_set is not None and measure.key_set.id in kept.keys


def nothing(measure: Measure) -> Number:
    """Over no facts: a sum and a count are 0; a least or greatest there is none."""
    return Number(None if measure.aggregate.measure in ("min", "max", "percentile") else Decimal(0), 0)
