"""What an expression looks at: one row, or the rows that together make one object."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

Values = Mapping[str, Any]
"""A row's values by the names of the mapping; None is "not filled in"."""
LINE = ""
"""Under this name, which no column can have, a row's values hold the line that it begins at."""
ROW = "row"
"""What ``each`` says to make an item per row."""


class Unusable(Exception):
    """A row, or a group of rows, that cannot become what the mapping says; the text says why.

    ``names``: the columns at fault, where they are known.
    """

    def __init__(self, reason: str, names: tuple[str, ...] = ()) -> None:
        self.names = names
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Scope:
    """Rows that stand for one thing, and the thing's place among those of one list: ``place`` of ``of``."""

    rows: Sequence[Values]
    place: int = 0
    of: int = 1

    def agreed(self, name: str) -> Any:
        """The value that all rows have. Raises Unusable when they differ: which of them is right cannot be known."""
        value = self.rows[0][name]
        for row in self.rows:
            if row[name] != value:
                lines = f"{said(value)} in line {self.rows[0][LINE]}, {said(row[name])} in line {row[LINE]}"
                raise Unusable(f"{name!r} differs within the group: {lines}", (name,))
        return value

    def parts(self, names: Sequence[str]) -> list[Scope]:
        """The rows by the values of these columns, in the order in which they come; without any, row by row.

        A row with several values in such a column (see ``split``) belongs to each of them, one without any to none.
        """
        if not names:
            return [Scope([row]) for row in self.rows]
        found: dict[tuple[Any, ...], list[Values]] = {}
        for row in self.rows:
            for single in singles(row, names):
                key = tuple(single[name] for name in names)
                if None not in key:
                    found.setdefault(key, []).append(single)
        return [Scope(rows) for rows in found.values()]


def singles(row: Values, names: Sequence[str]) -> Iterator[Values]:
    """The row once per value that it has in the columns that hold several."""
    for name in names:
        if isinstance(row[name], tuple):
            for value in row[name]:
                yield from singles({**row, name: value}, names)
            return
    yield row


def said(value: Any) -> str:
    """A value as a sentence quotes it."""
    return "nothing" if value is None else repr(text_of(value))


Text = Callable[[Any], str]


def text_of(value: Any) -> str:
    """A value as text: numbers in plain digits, days and instants in ISO 8601, durations in seconds."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if isinstance(value, dt.timedelta):
        return plain(seconds(value))
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def json_of(value: Any) -> Any:
    """A value as JSON has it: whole numbers, truths and lists stay; a decimal, a day or an instant is text."""
    return text_of(value) if isinstance(value, Decimal | dt.date | dt.timedelta) else value


def seconds(span: dt.timedelta) -> Decimal:
    """A duration in exact seconds."""
    return Decimal(span.days * 86_400 + span.seconds) + Decimal(span.microseconds).scaleb(-6)


def plain(value: Decimal) -> str:
    """A decimal without exponent, plus sign, or zeros that say nothing."""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def named(parts: Sequence[Any]) -> str:
    """One text for several values that are a key together; no two keys have the same."""
    return "/".join(text_of(part).replace("/", "//") for part in parts)
