"""The numbers of what is kept, summed over days: of slices and of key sets, whatever cells they are of, by one
statement."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any

from msgspec import Struct

from chassis.arrays import literals
from services.kpi.domain.key_sets import ENTERED
from services.kpi.domain.meaning import Kept
from services.kpi.domain.measures import Measure
from services.kpi.domain.periods import Window
from services.kpi.domain.sql import Params

Column = tuple[Measure, Window]
"""What is asked of a measure over a window that is cut at its as-of day; of many subjects."""


class Number(Struct, frozen=True, gc=False):
    """A measure's number, None where no fact has one, and how many facts have one."""

    value: Decimal | None
    facts: int


Numbers = Mapping[Column, Mapping[str, Number]]
"""Numbers by subject; of nothing there may be none."""
FEW_CELLS = 64
"""Of so many or fewer each is asked for by itself."""


class _Table(Struct, frozen=True):
    """Where something is kept by subject and day. ``value`` is that of the rows ``s`` of a cell ``c``, which has
    columns of these ``types``; what is not a range of days, the table has as well."""

    name: str
    value: str
    types: Mapping[str, str]

    @property
    def same(self) -> str:
        """The condition that a row is of a cell."""
        named = "".join(f" and s.{n} = c.{n}" for n in self.types if n not in ("since", "until", "grain"))
        return f"s.kind = $1 and s.day >= c.since and s.day < c.until{named}"


_OF_CELL = {"subject": "text", "measure_id": "text", "since": "date", "until": "date"}
_OF_SET = {"subject": "text", "set_id": "text", "at_least": "int", "since": "date", "until": "date", "grain": "text"}
_ENTERED = " ".join(f"when '{grain}' then s.{name}" for grain, name in ENTERED.items())
_TABLES = (
    _Table("slice", "sum(s.value)", _OF_CELL),
    _Table("key_slice", f"sum(case c.grain {_ENTERED} end)::numeric", _OF_SET),
)
_SLICES, _KEYS = range(len(_TABLES))
_NOTHING = "select 0 as part, 0 as n, 0::numeric as value, 0::bigint as facts where false"
_Told = tuple[Any, ...]


@dataclass(frozen=True)
class Sums:
    """Cells of a kind of subject whose numbers are kept, by table: the column of each, and what its table is told."""

    kind: str
    cells: tuple[list[tuple[Column, _Told]], ...] = field(default_factory=lambda: tuple([] for _ in _TABLES))

    @property
    def empty(self) -> bool:
        """Whether nothing is to be summed."""
        return not any(self.cells)

    def add(self, column: Column, subjects: Iterable[str], kept: Kept) -> bool:
        """Whether the column's numbers are kept; then they are summed for these subjects."""
        if (place := _place(*column, kept)) is None:
            return False
        part, told = place
        self.cells[part].extend((column, (subject, *told)) for subject in subjects)
        return True

    def sql(self, params: Params) -> str:
        """Rows ``part, n, value, facts``, one of each cell that has a fact; ``params`` are none yet."""
        if self.empty:
            return _NOTHING
        params.append(self.kind)
        texts = []
        for part, cells in enumerate(self.cells):
            if cells:
                texts.append(_sql(part, len(cells), len(params) + 1))
                params += _params([told for _, told in cells])
        return " union all ".join(texts)

    def numbers(self, rows: Iterable[Iterable[Any]]) -> defaultdict[Column, dict[str, Number]]:
        """What those rows say."""
        numbers: defaultdict[Column, dict[str, Number]] = defaultdict(dict)
        for part, n, value, facts in rows:
            column, told = self.cells[part][n - 1]
            numbers[column][told[0]] = Number(value, facts)
        return numbers


def _place(measure: Measure, window: Window, kept: Kept) -> tuple[int, _Told] | None:
    """In which table a measure's numbers are, and what picks a window's rows in it; None where it is kept nowhere.

    A stock's slices are what went in less what went out, since ever. Of a key set it is the keys that entered the
    window's period on its days until the as-of day.
    """
    if measure.id in kept.measure_ids:
        return _SLICES, (measure.id, dt.date.min if measure.until else window.start, window.end)
    if measure.key_set and kept.counts(measure) and (measure.at_least == 0 or window.grain):
        grain = window.grain or "day"
        return _KEYS, (measure.key_set.id, measure.at_least, window.start, window.end, grain)
    return None


def _params(told: list[_Told]) -> list[Any]:
    if len(told) > FEW_CELLS:
        return literals(told, len(told[0]))
    nobody = [(None,) * len(told[0])] * (_room(len(told)) - len(told))  # it has no number
    return list(itertools.chain(*told, *nobody))


def _sql(part: int, count: int, first: int) -> str:
    return _of_few(part, _room(count), first) if count <= FEW_CELLS else _of_many(part, first)


def _room(count: int) -> int:
    """A power of two, so that there are few statements."""
    return 1 << (count - 1).bit_length()


@lru_cache(maxsize=256)
def _of_few(part: int, count: int, first: int) -> str:
    """Each cell is looked up by itself, by a plan that PostgreSQL makes once for each ``count``. Of arrays it would
    make one for each statement, as it depends on their length: that takes it longer than to find a few numbers."""
    table, numbers = _TABLES[part], itertools.count(first)
    rows = (", ".join(f"${next(numbers)}::{type_}" for type_ in table.types.values()) for _ in range(count))
    listed = ", ".join(f"({n}, {row})" for n, row in enumerate(rows, 1))
    return (
        f"select {part} as part, c.n, v.* from (values {listed}) as c(n, {', '.join(table.types)}) cross join lateral"
        f" (select {table.value} as value, sum(s.facts)::bigint as facts from {table.name} s where {table.same}) v"
        " where v.facts is not null"
    )


@lru_cache(maxsize=256)
def _of_many(part: int, first: int) -> str:
    table = _TABLES[part]
    arrays = ", ".join(f"${n}::text::{type_}[]" for n, type_ in enumerate(table.types.values(), first))
    return (
        f"select {part} as part, c.n, {table.value} as value, sum(s.facts)::bigint as facts from unnest({arrays}) with"
        f" ordinality as c({', '.join(table.types)}, n) join {table.name} s on {table.same} group by 2"
    )
