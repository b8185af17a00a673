"""What the cells of a column mean: text, numbers, days, instants and durations, as the mapping says."""

from __future__ import annotations

import bisect
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from merit.importing import cells
from merit.importing.cells import BadCell
from merit.importing.kinds import ColumnKind, Kind, kind_of


@dataclass(frozen=True)
class Column:
    """A declared column: where it comes from and how its cells are read. An empty cell is ``default``, or None.

    The cells of several ``headers`` are read as one, with a blank between them.
    """

    name: str
    headers: tuple[str, ...]
    kind: ColumnKind = "text"
    formats: tuple[str, ...] = ()
    decimal_mark: str = "."
    thousands_mark: str = ""
    required: bool = False
    clean: tuple[str, ...] = ()
    pattern: re.Pattern[str] | None = None
    split: str | None = None
    aliases: Mapping[str, str] | None = None
    map: Mapping[str, Any] | None = None
    default: Any = None
    next: bool = False
    last: dt.date | None = None
    """With ``next`` a date column means the next later date of the whole file, and ``last`` that of the last one."""

    @property
    def gives(self) -> Kind:
        """The kind of its values."""
        if self.split is not None:
            return "texts"
        if self.map is not None:
            return kind_of([*self.map.values(), *([] if self.default is None else [self.default])])
        return self.kind

    def read(self, cell: str, zone: ZoneInfo, later: Sequence[dt.date] = ()) -> Any:
        """The value of a cell: str, int, Decimal, a local date, an instant in ``zone``, a timedelta, bool, what ``map``
        says, or, with ``split``, a tuple of str. Raises BadCell.
        """
        text = cell.strip()
        if text and self.clean:
            text = cells.cleaned(text, self.clean)
        if text and self.pattern is not None:
            text = cells.matched(text, self.pattern)
        if not text:
            if self.required:
                raise BadCell("is empty")
            return self.default
        if self.split is not None:
            return tuple(self._alias(part.strip()) for part in text.split(self.split) if part.strip()) or self.default
        return self._value(self._alias(text), zone, later)

    def _alias(self, text: str) -> str:
        return text if self.aliases is None else self.aliases.get(text, text)

    def _value(self, text: str, zone: ZoneInfo, later: Sequence[dt.date]) -> Any:
        if self.map is not None:
            if text not in self.map and self.default is None:
                raise BadCell(f"{text!r} is not in the column's map")
            return self.map.get(text, self.default)
        match self.kind:
            case "text":
                return text
            case "integer":
                return int(cells.number(text, cells.INTEGER, self.kind, self.decimal_mark, self.thousands_mark))
            case "decimal":
                return Decimal(cells.number(text, cells.DECIMAL, self.kind, self.decimal_mark, self.thousands_mark))
            case "boolean":
                return cells.boolean(text)
            case "date":
                day = cells.instant(text, self.formats, self.kind).date()
                return self._next(day, later) if self.next else day
            case "datetime":
                return cells.placed(cells.instant(text, self.formats, self.kind), zone)
            case "duration":
                return cells.duration(text)

    def _next(self, day: dt.date, later: Sequence[dt.date]) -> dt.date:
        place = bisect.bisect_right(later, day)
        return later[place] if place < len(later) else self.last or day
