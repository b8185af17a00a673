"""Reading a CSV file row by row, in bounded memory; each row knows its line, and rejected ones are kept."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from merit.home import MeritError

GZIP = ".gz"
REJECTED = ".rejected.csv"
LINE_FIELD, REASON_FIELD = "merit_line", "merit_reason"
CELL_CHARACTERS_MAX = 131_072


@dataclass(frozen=True)
class Row:
    """A row as it stands: ``line`` is where it begins in the file, counted from 1."""

    line: int
    cells: Sequence[str]


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be imported, and why; ``column`` counts from 1."""

    row: Row
    reason: str
    column: int | None = None
    header: str | None = None

    def __str__(self) -> str:
        place = f", column {self.column} ({self.header})" if self.column else ""
        return f"line {self.row.line}{place}: {self.reason}"


@dataclass
class CsvFile:
    """An open CSV file with its header."""

    header: list[str]
    size: int
    _raw: IO[bytes]
    _text: IO[str]
    _delimiter: str

    def position(self) -> int:
        """Bytes of the file read so far: for a progress bar."""
        return self._raw.tell()

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row after the header; one that has too many or too few cells, or bytes of another encoding, is bad."""
        lines = _Counted(self._text)
        reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
        begins = 2
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield BadRow(Row(begins, [lines.last]), f"not CSV: {error}")
                reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
            else:
                if cells:
                    yield self._checked(Row(begins, cells))
            begins = lines.count + 2

    def _checked(self, row: Row) -> Row | BadRow:
        if len(row.cells) != len(self.header):
            return BadRow(row, f"has {len(row.cells)} cells, the header has {len(self.header)}")
        for number, cell in enumerate(row.cells, 1):
            if any("\ud800" <= c <= "\udfff" for c in cell):
                return BadRow(row, "is not text in the file's encoding", number, self.header[number - 1])
        return row


class _Counted:
    """Counts the lines that a CSV reader takes, and keeps the last one."""

    def __init__(self, text: IO[str]) -> None:
        self._text, self.count, self.last = text, 0, ""

    def __iter__(self) -> _Counted:
        return self

    def __next__(self) -> str:
        line = self._text.readline(CELL_CHARACTERS_MAX * 8)
        if not line:
            raise StopIteration
        self.count += 1
        self.last = line
        return line


@contextmanager
def opened(path: Path, delimiter: str, encoding: str) -> Iterator[CsvFile]:
    """Open a ``.csv`` or ``.csv.gz`` and read its header. Raises MeritError when there is none."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise MeritError(f"The file {path} cannot be read ({error.strerror}).") from error
    with raw:
        size = path.stat().st_size
        binary = cast(IO[bytes], gzip.GzipFile(fileobj=raw) if path.suffix == GZIP else raw)
        text = io.TextIOWrapper(binary, encoding=encoding, errors="surrogateescape", newline="")
        try:
            header = next(csv.reader([text.readline()], delimiter=delimiter), [])
            if not any(header):
                raise MeritError(f"The file {path} has no header in its first line.")
            _refuse_repeats(path, header)
            yield CsvFile([name.strip() for name in header], size, raw, text, delimiter)
        except (gzip.BadGzipFile, EOFError) as error:
            raise MeritError(f"The file {path} is no whole gzip file ({error}).") from error


def _refuse_repeats(path: Path, header: Sequence[str]) -> None:
    for name in header:
        if name and header.count(name) > 1:
            raise MeritError(f"The file {path} has two columns called {name!r}.")


class Rejected:
    """The rows that were not imported, written to a file of their own with their line and the (first) reason."""

    def __init__(self, path: Path, header: Sequence[str], delimiter: str, encoding: str) -> None:
        self.path = path
        self._lines: set[int] = set()
        self._header, self._delimiter, self._encoding = header, delimiter, encoding.removesuffix("-sig")
        self._file: IO[str] | None = None
        self._writer: Any = None

    def __enter__(self) -> Rejected:
        self.path.unlink(missing_ok=True)  # it told of an earlier run
        return self

    def __exit__(self, *_: object) -> None:
        if self._file:
            self._file.close()

    @property
    def count(self) -> int:
        """How many rows were not imported whole, whatever the number of reasons."""
        return len(self._lines)

    def add(self, bad: BadRow) -> None:
        """Write a row down as it was, after its line and the reason; once, so that the file can be mended and imported.

        Raises MeritError when that cannot be.
        """
        if bad.row.line in self._lines:
            return
        if self._file is None:
            try:
                self._file = self.path.open("w", encoding=self._encoding, errors="surrogateescape", newline="")
            except OSError as error:
                raise MeritError(f"The rejected rows cannot be written to {self.path} ({error.strerror}).") from error
            self._writer = csv.writer(self._file, delimiter=self._delimiter)
            self._writer.writerow([LINE_FIELD, REASON_FIELD, *self._header])
        self._writer.writerow([bad.row.line, str(bad), *bad.row.cells])
        self._lines.add(bad.row.line)
