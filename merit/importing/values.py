"""From a row's cells to the values that the mapping's columns give them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from merit.home import MeritError
from merit.importing.columns import BadCell, Column
from merit.importing.mapping import ImportMapping
from merit.importing.rows import BadRow, Row, opened

LATER_DATES_MAX = 100_000


class Unreadable(Exception):
    """A row has a cell that does not say what its column should."""

    def __init__(self, bad: BadRow) -> None:
        self.bad = bad
        super().__init__(str(bad))


class Cells:
    """Reads the rows of one file with one header."""

    def __init__(
        self, mapping: ImportMapping, header: Sequence[str], zone: ZoneInfo, later: Mapping[str, Sequence[dt.date]]
    ) -> None:
        self._columns = [(header.index(c.header), c, later.get(name, ())) for name, c in mapping.columns.items()]
        self._empty, self._zone = mapping.empty, zone

    def read(self, row: Row) -> dict[str, Any]:
        """The row's values by the names of the mapping. Raises Unreadable for the first cell that is wrong."""
        values: dict[str, Any] = {}
        for place, column, later in self._columns:
            cell = row.cells[place]
            try:
                values[column.name] = column.read("" if cell in self._empty else cell, self._zone, later)
            except BadCell as error:
                raise Unreadable(BadRow(row, str(error), place + 1, column.header)) from error
        return values

    def time(self, value: dt.date) -> str:
        """An instant in ISO 8601: a day begins at midnight of the business zone."""
        if not isinstance(value, dt.datetime):
            value = dt.datetime.combine(value, dt.time(), self._zone)
        return value.isoformat()


def later_dates(path: Path, mapping: ImportMapping, zone: ZoneInfo) -> dict[str, list[dt.date]]:
    """For the columns that mean the next date of the file: all its dates, from a pass of its own over the file."""
    wanted = {n: replace(c, next=False, add_days=0) for n, c in mapping.columns.items() if c.next}
    found: dict[str, set[dt.date]] = {name: set() for name in wanted}
    if not wanted:
        return {}
    with opened(path, mapping.delimiter, mapping.encoding) as file:
        for row in file.rows():
            for name, column in wanted.items():
                if (date := _date(row, file.header, column, zone)) is not None:
                    found[name].add(date)
                if len(found[name]) > LATER_DATES_MAX:
                    raise MeritError(f"The column {column.header!r} has over {LATER_DATES_MAX} dates to look ahead to.")
    return {name: sorted(dates) for name, dates in found.items()}


def _date(row: Row | BadRow, header: Sequence[str], column: Column, zone: ZoneInfo) -> dt.date | None:
    if isinstance(row, BadRow):
        return None
    try:
        date: dt.date | None = column.read(row.cells[header.index(column.header)], zone)
    except BadCell:
        return None  # the row will be reported when it is read
    return date
