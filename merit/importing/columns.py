"""What the cells of a column mean: text, numbers, days and instants, as the mapping says they are written."""

from __future__ import annotations

import bisect
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo

Kind = Literal["text", "integer", "decimal", "date", "datetime", "boolean"]
KINDS: tuple[str, ...] = get_args(Kind)
TRUE, FALSE = ("true", "yes", "y", "1", "t"), ("false", "no", "n", "0", "f")
_INTEGER, _DECIMAL = r"[+-]?\d{1,18}", r"[+-]?\d{1,30}(\.\d{1,30})?"


class BadCell(ValueError):
    """A cell does not say what its column is declared to say; the text is for a person."""


@dataclass(frozen=True)
class Column:
    """A declared column: where it comes from and how its cells are read. An empty cell is None."""

    name: str
    header: str
    kind: Kind = "text"
    format: str | None = None
    decimal_mark: str = "."
    thousands_mark: str = ""
    required: bool = False
    map: Mapping[str, Any] | None = None
    default: Any = None
    add_days: int = 0
    next: bool = False
    last: str | None = None
    """With ``next`` a date column means the next later date of the whole file, and ``last`` that of the last one."""

    def read(self, cell: str, zone: ZoneInfo, later: Sequence[dt.date] = ()) -> Any:
        """The value of a cell: str, int, a decimal as str, a local date, an aware datetime, bool, or what ``map`` says.

        Raises BadCell.
        """
        text = cell.strip()
        if not text:
            if self.required:
                raise BadCell("is empty")
            return self.default
        if self.map is not None:
            if text not in self.map and self.default is None:
                raise BadCell(f"{text!r} is not in the column's map")
            return self.map.get(text, self.default)
        value = self._convert(text, zone)
        return self._move(value, later) if isinstance(value, dt.date) else value

    def _convert(self, text: str, zone: ZoneInfo) -> Any:
        match self.kind:
            case "text":
                return text
            case "integer":
                return int(self._number(text, _INTEGER))
            case "decimal":
                return plain(Decimal(self._number(text, _DECIMAL)))
            case "boolean":
                return self._boolean(text)
            case "date":
                return self._instant(text).date()
            case "datetime":
                found = self._instant(text)
                return found if found.tzinfo else found.replace(tzinfo=zone)

    def _number(self, text: str, pattern: str) -> str:
        bare = self._ungrouped(text)
        if self.decimal_mark != ".":
            bare = bare.replace(".", "?").replace(self.decimal_mark, ".")
        if not re.fullmatch(pattern, bare, re.ASCII):
            raise BadCell(f"{text!r} is no {self.kind}")
        return bare

    def _ungrouped(self, text: str) -> str:
        """The number without its thousands marks. ``12.34`` with the mark ``.`` is refused: it is not 1234."""
        mark = self.thousands_mark
        if not mark or mark not in text:
            return text
        whole = re.match(rf"[+-]?(?!0\D)\d{{1,3}}({re.escape(mark)}\d{{3}})+(?!\d)", text, re.ASCII)
        if whole is None or mark in text[whole.end() :]:
            raise BadCell(f"{text!r} is no {self.kind}: {mark!r} may only stand before groups of three digits")
        return whole.group().replace(mark, "") + text[whole.end() :]

    def _boolean(self, text: str) -> bool:
        if (low := text.lower()) in TRUE or low in FALSE:
            return low in TRUE
        raise BadCell(f"{text!r} is neither true nor false")

    def _instant(self, text: str) -> dt.datetime:
        try:
            return dt.datetime.strptime(text, self.format) if self.format else dt.datetime.fromisoformat(text)
        except ValueError:
            how = f"written as {self.format}" if self.format else "in ISO 8601"
            raise BadCell(f"{text!r} is no {self.kind} {how}") from None

    def _move(self, value: dt.date, later: Sequence[dt.date]) -> dt.date:
        if self.next:
            place = bisect.bisect_right(later, value)
            if place < len(later):
                value = later[place]
            elif self.last is not None:
                value = dt.date.fromisoformat(self.last)
        return value + dt.timedelta(days=self.add_days) if self.add_days else value


def plain(value: Decimal) -> str:
    """A decimal without exponent, plus sign, or zeros that say nothing."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text
