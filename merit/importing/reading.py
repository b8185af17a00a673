"""From a file's rows to the values that the mapping's columns give them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from merit.home import MeritError
from merit.importing.cells import BadCell
from merit.importing.columns import Column
from merit.importing.files import Reading, opened
from merit.importing.rows import BadRow, Row
from merit.importing.scopes import LINE

LATER_DATES_MAX = 100_000
Later = Mapping[str, Sequence[dt.date]]


class Unreadable(Exception):
    """A row has a cell that does not say what its column should."""

    def __init__(self, bad: BadRow) -> None:
        self.bad = bad
        super().__init__(str(bad))


class Cells:
    """Reads the rows of one file with one header."""

    def __init__(
        self, columns: Mapping[str, Column], reading: Reading, header: Sequence[str], zone: ZoneInfo, later: Later
    ) -> None:
        self._columns = [
            (column, *_cells(column, reading, header, column.reader(zone, later.get(name, ()))))
            for name, column in columns.items()
        ]

    def read(self, row: Row) -> dict[str, Any]:
        """The row's values by the names of the mapping, and its line. Raises Unreadable for the first bad cell."""
        values: dict[str, Any] = {LINE: row.line}
        for column, place, read in self._columns:
            try:
                values[column.name] = read(row.cells)
            except BadCell as error:
                raise Unreadable(BadRow([row], str(error), place + 1, column.headers[0])) from error
        return values

    def readable(self, row: Row) -> dict[str, Any]:
        """The values of those cells that can be read, of a row that is at fault."""
        values: dict[str, Any] = {}
        for column, _, read in self._columns:
            with suppress(BadCell, IndexError):
                values[column.name] = read(row.cells)
        return values


def _cells(
    column: Column, reading: Reading, header: Sequence[str], read: Callable[[str], Any]
) -> tuple[int, Callable[[Sequence[str]], Any]]:
    """Where a column begins in a row, and what reads it from the row's cells."""
    places, empty = [header.index(name) for name in column.headers], reading.empty
    first = places[0]
    if len(places) > 1:
        return first, lambda cells: read(" ".join(c for p in places if (c := cells[p]) and c not in empty))
    if empty:
        return first, lambda cells: read("" if cells[first] in empty else cells[first])
    return first, lambda cells: read(cells[first])


def later_dates(path: Path, reading: Reading, columns: Mapping[str, Column], zone: ZoneInfo) -> Later:
    """For the columns that mean the next date of the file: all its dates, from a pass of its own over the file."""
    wanted = {name: replace(column, next=False) for name, column in columns.items() if column.next}
    found: dict[str, set[dt.date]] = {name: set() for name in wanted}
    if not wanted:
        return {}
    with opened(path, reading) as table:
        cells = Cells(wanted, reading, table.header, zone, {})
        for row in (row for row in table.rows() if isinstance(row, Row)):
            for name, date in cells.readable(row).items():  # what cannot be read is told of later
                if date is not None:
                    found[name].add(date)
                if len(found[name]) > LATER_DATES_MAX:
                    raise MeritError(f"The column {name!r} has over {LATER_DATES_MAX} dates to look ahead to.")
    return {name: sorted(dates) for name, dates in found.items()}


def instant(value: dt.date, zone: ZoneInfo) -> dt.datetime:
    """An instant: a day begins at midnight of the zone."""
    return value if isinstance(value, dt.datetime) else dt.datetime.combine(value, dt.time(), zone)
