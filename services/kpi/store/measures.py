"""The numbers of measures over windows: from slices and key sets where they are kept, else from facts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from chassis.arrays import literals
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


Column = tuple[Measure, Window]
"""The same of many subjects."""


class Number(Struct, frozen=True, gc=False):
    """A measure's number, None where no fact has one, and how many facts have one."""

    value: Decimal | None
    facts: int


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


FEW_CELLS = 64
"""Of so many or fewer each is asked for by itself."""
Numbers = Mapping[Column, Mapping[str, Number]]
"""Numbers by subject; of nothing there may be none."""
Group = tuple[str | None, ...]
"""The values of the fields by which an answer is split up, as texts; None where a fact has none."""


async def read(conn: Connection, asked: Asked, wanted: Mapping[Column, Collection[str]], kept: Kept) -> Numbers:
    """Subjects' numbers. ``kept``: what is kept of facts; what is not is read from them, with the same meaning."""
    numbers: dict[Column, dict[str, Number]] = {column: {} for column in wanted}
    slices, keys, facts = list[_Part](), list[_Part](), dict[Measure, list[Cell]]()
    for column, subjects in wanted.items():
        measure, window = column
        if window.empty:
            continue
        whole = [s for s in subjects if asked.sight.whole(asked.kind, s)]
        if measure.id in kept.measure_ids:
            slices.append(_Part(measure, window, whole, numbers[column]))
        elif kept.counts(measure) and (measure.at_least == 0 or window.grain):
            keys.append(_Part(measure, window, whole, numbers[column]))
        else:
            whole = []
        if len(whole) < len(subjects):
            facts.setdefault(measure, []).extend(Cell(measure, s, window) for s in subjects if s not in whole)
    await _from_slices(conn, asked.kind, slices)
    await _from_keys(conn, asked.kind, keys)
    for measure, some in facts.items():
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


class _Part(NamedTuple):
    """Some subjects of a column, and where their numbers go."""

    measure: Measure
    window: Window
    subjects: list[str]
    numbers: dict[str, Number]


async def _from_slices(conn: Connection, kind: str, parts: Sequence[_Part]) -> None:
    """A stock's slices are what went in less what went out, since ever."""
    said = [(p.measure.id, dt.date.min if p.measure.until else p.window.start, p.window.end) for p in parts]
    await _fill(conn, "slice", "sum(s.value)", _SLICE_CELL, parts, said, kind)


async def _from_keys(conn: Connection, kind: str, parts: Sequence[_Part]) -> None:
    """The keys that entered the window's period on its days until the as-of day."""
    said = [
        (k.id, p.measure.at_least, p.window.start, p.window.end, p.window.grain or "day")
        for p in parts
        if (k := p.measure.key_set)
    ]
    await _fill(conn, "key_slice", f"sum(case c.grain {_ENTERED} end)::numeric", _KEYS_CELL, parts, said, kind)


_SLICE_CELL = {"subject": "text", "measure_id": "text", "since": "date", "until": "date"}
_KEYS_CELL = {
    "subject": "text",
    "set_id": "text",
    "at_least": "int",
    "since": "date",
    "until": "date",
    "grain": "text",
}
_ENTERED = " ".join(f"when '{grain}' then s.{name}" for grain, name in ENTERED.items())


async def _fill(
    conn: Connection,
    table: str,
    value: str,
    types: Mapping[str, str],
    parts: Sequence[_Part],
    said: Sequence[tuple[Any, ...]],
    kind: str,
) -> None:
    """The ``value`` of each subject of each part over the days ``s`` of a table. ``said`` of each part: what its cells
    ``c`` have besides their subject, of these ``types``; what is not a range of days, the table has as well."""
    cells = [(subject, what, p.numbers) for p, what in zip(parts, said, strict=True) for subject in p.subjects]
    if not cells:
        return
    told: list[tuple[Any, ...]] = [(subject, *what) for subject, what, _ in cells]
    if len(cells) <= FEW_CELLS:
        room = 1 << (len(cells) - 1).bit_length()
        told += [(None,) * len(types)] * (room - len(cells))  # what is nobody's has no number
        rows = await conn.fetch(_of_few(table, value, types, room), kind, *chain.from_iterable(told))
    else:
        rows = await conn.fetch(_of_many(table, value, types), kind, *literals(told, len(types)))
    for n, number, facts in rows:
        subject, _, numbers = cells[n - 1]
        numbers[subject] = Number(number, facts)


def _of_few(table: str, value: str, types: Mapping[str, str], count: int) -> str:
    """Each cell is looked up by itself, by a plan that PostgreSQL makes once for each ``count`` (a power of two). Of
    arrays it would make one for each statement, as it depends on their length: that takes it longer than to find the
    numbers of a few cells."""
    numbers = iter(range(2, 2 + count * len(types)))
    rows = (", ".join(f"${next(numbers)}::{type_}" for type_ in types.values()) for _ in range(count))
    listed = ", ".join(f"({n}, {row})" for n, row in enumerate(rows, 1))
    return (
        f"select c.n, v.* from (values {listed}) as c(n, {', '.join(types)}) cross join lateral"
        f" (select {value} as value, sum(s.facts)::bigint as facts from {table} s where {_DAYS}{_same(types)}) v"
        " where v.facts is not null"
    )


def _of_many(table: str, value: str, types: Mapping[str, str]) -> str:
    arrays = ", ".join(f"${n}::text::{type_}[]" for n, type_ in enumerate(types.values(), 2))
    return (
        f"select c.n, {value} as value, sum(s.facts)::bigint as facts from unnest({arrays}) with ordinality"
        f" as c({', '.join(types)}, n) join {table} s on {_DAYS}{_same(types)} group by 1"
    )


_DAYS = "s.kind = $1 and s.day >= c.since and s.day < c.until"


def _same(types: Mapping[str, str]) -> str:
    return "".join(f" and s.{name} = c.{name}" for name in types if name not in ("since", "until", "grain"))


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
