"""Rows as they stand in a file, why some of them cannot be imported, and where those are kept."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from merit.home import MeritError

REJECTED = ".rejected.csv"
LINE_FIELD, REASON_FIELD = "merit_line", "merit_reason"
LINES_TOLD_MAX = 5


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands: ``line`` is where it begins in the file, counted from 1."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True)
class BadRow:
    """A row, or the rows of one object, that cannot be imported, and why; ``column`` counts from 1."""

    rows: Sequence[Row]
    reason: str
    column: int | None = None
    header: str | None = None
    file: str = ""

    def of(self, file: str) -> BadRow:
        """The same, told of a file by its name."""
        return replace(self, file=file)

    def __str__(self) -> str:
        file = f"{self.file}, " if self.file else ""
        place = f", column {self.column} ({self.header})" if self.column else f", {self.header}" if self.header else ""
        return f"{file}{lines(self.rows)}{place}: {self.reason}"


Reject = Callable[[BadRow], None]


def lines(rows: Sequence[Row]) -> str:
    """``line 3``, ``lines 3 to 9`` or ``lines 3, 7, 9 and 4 more``."""
    numbers = sorted({row.line for row in rows})
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"lines {numbers[0]} to {numbers[-1]}"
    more = f" and {len(numbers) - LINES_TOLD_MAX} more" if len(numbers) > LINES_TOLD_MAX else ""
    return "lines " + ", ".join(map(str, numbers[:LINES_TOLD_MAX])) + more


def refuse_repeats(path: Path, header: Sequence[str]) -> None:
    """Raise MeritError when two columns have the same name."""
    for name in header:
        if name and header.count(name) > 1:
            raise MeritError(f"The file {path} has two columns called {name!r}.")


class Rejected:
    """The rows that were not imported, written to a CSV file of their own with their line and the reason, each once."""

    def __init__(self, path: Path, delimiter: str, encoding: str) -> None:
        self.path = path
        self.count = 0
        self._delimiter, self._encoding = delimiter, encoding.removesuffix("-sig")
        self._file: IO[str] | None = None
        self._writer: Any = None
        self._seen = bytearray()

    def __enter__(self) -> Rejected:
        self.path.unlink(missing_ok=True)  # it told of an earlier run
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    def add(self, bad: BadRow, header: Sequence[str]) -> None:
        """Write rows down as they were, after their line and the reason. Raises MeritError when that cannot be."""
        if self._file is None:
            try:
                self._file = self.path.open("w", encoding=self._encoding, errors="surrogateescape", newline="")
            except OSError as error:
                raise MeritError(f"The rejected rows cannot be written to {self.path} ({error.strerror}).") from error
            self._writer = csv.writer(self._file, delimiter=self._delimiter)
            self._writer.writerow([LINE_FIELD, REASON_FIELD, *header])
        for row in self._new(bad.rows):
            self._writer.writerow([row.line, str(bad), *row.cells])
            self.count += 1

    def _new(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows whose line was not there yet: a bit per line of the file says so."""
        for row in rows:
            place, bit = row.line >> 3, 1 << (row.line & 7)
            if place >= len(self._seen):
                self._seen.extend(bytes(place - len(self._seen) + 4096))
            if not self._seen[place] & bit:
                self._seen[place] |= bit
                yield row
