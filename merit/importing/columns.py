"""What the cells of a column mean: text, numbers, days, instants and durations, as the mapping says."""

from __future__ import annotations

import bisect
import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from merit.importing import cells
from merit.importing.cells import BadCell
from merit.importing.kinds import ColumnKind, Kind, kind_of

Read = Callable[[str], Any]


@dataclass(frozen=True)
class Column:
    """A declared column: where it comes from and how its cells are read.

    The cells of several ``headers`` are read as one, with a blank between them. An empty cell is ``default``, else
    None; with ``split`` it is no value at all, so a tuple without any.
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

    def reader(self, zone: ZoneInfo, later: Sequence[dt.date] = ()) -> Read:
        """A function from a cell to its value: str, int, Decimal, a local date, an instant in ``zone``, a timedelta,
        bool, what ``map`` says, or, with ``split``, a tuple of str. It raises BadCell.
        """
        tidied, default = self._tidied(), self._default
        value = self._several if self.split is not None else self._value(zone, later)

        def read(cell: str) -> Any:
            text = cell.strip()
            if text and tidied is not None:
                text = tidied(text)
            if text:
                return value(text)
            if self.required:
                raise BadCell("is empty")
            return default

        return read

    def _tidied(self) -> Callable[[str], str] | None:
        """What is done to a text before anything is made of it."""
        clean, pattern = self.clean, self.pattern
        if pattern is None:
            return (lambda text: cells.cleaned(text, clean)) if clean else None
        return lambda text: cells.matched(cells.cleaned(text, clean), pattern)

    @property
    def _default(self) -> Any:
        if self.split is None:
            return self.default
        return () if self.default is None else (self.default,)

    def _several(self, text: str) -> Any:
        parts = (part.strip() for part in text.split(self.split))
        return tuple((self.aliases or {}).get(part, part) for part in parts if part) or self._default

    def _value(self, zone: ZoneInfo, later: Sequence[dt.date]) -> Read:
        if (mapped := self.map) is not None:
            return lambda text: self._mapped(mapped, text)
        marks = self.decimal_mark, self.thousands_mark
        match self.kind:
            case "text":
                aliases = self.aliases
                return (lambda text: aliases.get(text, text)) if aliases else str
            case "integer":
                return lambda text: int(cells.number(text, cells.INTEGER, "integer", *marks))
            case "decimal":
                return lambda text: Decimal(cells.number(text, cells.DECIMAL, "decimal", *marks))
            case "boolean":
                return cells.boolean
            case "date":
                return lambda text: self._day(cells.instant(text, self.formats, "date").date(), later)
            case "datetime":
                return lambda text: cells.placed(cells.instant(text, self.formats, "datetime"), zone)
            case "duration":
                return cells.duration

    def _mapped(self, mapped: Mapping[str, Any], text: str) -> Any:
        if text not in mapped and self.default is None:
            raise BadCell(f"{text!r} is not in the column's map")
        return mapped.get(text, self.default)

    def _day(self, day: dt.date, later: Sequence[dt.date]) -> dt.date:
        if not self.next:
            return day
        place = bisect.bisect_right(later, day)
        return later[place] if place < len(later) else self.last or day
