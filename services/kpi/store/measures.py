"""The numbers of measures over windows: from slices and key sets where they are kept, else from facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chassis.db import Connection, columns
from services.kpi.domain.cells import Asked, behind, measured
from services.kpi.domain.key_sets import ENTERED
from services.kpi.domain.meaning import Kept
from services.kpi.domain.measures import Measure
from services.kpi.domain.periods import Window
from services.kpi.domain.sql import Params


@dataclass(frozen=True, slots=True)
class Cell:
    """A subject over a window that is cut at its as-of day: what is asked of a measure."""

    measure: Measure
    subject: str
    window: Window


@dataclass(frozen=True, slots=True)
class Number:
    """A measure's number, None where no fact has one, and how many facts have one."""

    value: Decimal | None
    facts: int


@dataclass(frozen=True, slots=True)
class Behind:
    """A fact behind a value. ``value`` is of the measure's field, None for a count; ``rep_ids`` are those credited."""

    day: dt.date
    object_id: str
    entry: str
    value: str | None
    rep_ids: Sequence[str]
    customer_id: str | None
    territory: str | None


Numbers = Mapping[Cell, Number]
Group = tuple[str | None, ...]
"""The values of the fields by which an answer is split up, as texts; None where a fact has none."""


async def read(conn: Connection, asked: Asked, cells: Iterable[Cell], kept: Kept) -> Numbers:
    """Each cell's number. ``kept``: what is kept of facts; what is not is read from them, with the same meaning."""
    slices: list[Cell] = []
    keys: list[Cell] = []
    facts: dict[Measure, list[Cell]] = {}
    numbers: dict[Cell, Number] = {}
    for cell in dict.fromkeys(cells):
        measure, whole = cell.measure, asked.sight.whole(asked.kind, cell.subject)
        if cell.window.empty:
            numbers[cell] = nothing(measure)
        elif whole and measure.id in kept.measure_ids:
            slices.append(cell)
        elif whole and kept.counts(measure) and (measure.at_least == 0 or cell.window.grain):
            keys.append(cell)
        else:
            facts.setdefault(measure, []).append(cell)
    numbers |= await _from_slices(conn, asked.kind, slices)
    numbers |= await _from_keys(conn, asked.kind, keys)
    for measure, some in facts.items():
        numbers |= await _from_facts(conn, measure, asked, some, kept)
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
    return [Behind(*r.values()) for r in await conn.fetch(query, *params)]


async def _from_slices(conn: Connection, kind: str, cells: Sequence[Cell]) -> dict[Cell, Number]:
    """A stock's slices are what went in less what went out, since ever."""
    if not cells:
        return {}
    asked = [(c.measure.id, c.subject, dt.date.min if c.measure.until else c.window.start, c.window.end) for c in cells]
    rows = await conn.fetch(
        "select c.n, sum(s.value) as value, sum(s.facts)::bigint as facts"
        " from unnest($1::text[], $2::text[], $3::date[], $4::date[]) with ordinality"
        " as c(measure_id, subject, since, until, n) join slice s on s.measure_id = c.measure_id and s.kind = $5"
        " and s.subject = c.subject and s.day >= c.since and s.day < c.until group by 1",
        *columns(asked, 4),
        kind,
    )
    return _found(cells, {r["n"]: Number(r["value"], r["facts"]) for r in rows})


async def _from_keys(conn: Connection, kind: str, cells: Sequence[Cell]) -> dict[Cell, Number]:
    """The keys that entered the window's period on its days until the as-of day."""
    if not cells:
        return {}
    entered = " ".join(f"when '{grain}' then s.{name}" for grain, name in ENTERED.items())
    asked = [
        (k.id, c.measure.at_least, c.subject, c.window.start, c.window.end, c.window.grain or "day")
        for c in cells
        if (k := c.measure.key_set)
    ]
    rows = await conn.fetch(
        f"select c.n, sum(case c.grain {entered} end)::numeric as value, sum(s.facts)::bigint as facts"
        " from unnest($1::text[], $2::int[], $3::text[], $4::date[], $5::date[], $6::text[]) with ordinality"
        " as c(set_id, at_least, subject, since, until, grain, n)"
        " join key_slice s on s.set_id = c.set_id and s.at_least = c.at_least and s.kind = $7"
        " and s.subject = c.subject and s.day >= c.since and s.day < c.until group by 1",
        *columns(asked, 6),
        kind,
    )
    return _found(cells, {r["n"]: Number(r["value"], r["facts"]) for r in rows})


async def _from_facts(
    conn: Connection, measure: Measure, asked: Asked, cells: Sequence[Cell], kept: Kept
) -> dict[Cell, Number]:
    return _found(cells, {n: number for n, _, number in await _measured(conn, measure, asked, cells, kept)})


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


def _found(cells: Sequence[Cell], rows: Mapping[int, Number]) -> dict[Cell, Number]:
    return {cell: rows.get(n) or nothing(cell.measure) for n, cell in enumerate(cells, 1)}


def nothing(measure: Measure) -> Number:
    """Over no facts: a sum and a count are 0; a least or greatest there is none."""
    return Number(None if measure.aggregate.measure in ("min", "max", "percentile") else Decimal(0), 0)
