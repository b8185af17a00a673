"""Reading a CSV file, compressed or not, row by row in bounded memory."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from merit.home import MeritError
from merit.importing.rows import BadRow, Row, refuse_repeats

GZIP = ".gz"
CELL_CHARACTERS_MAX = 131_072


class CsvFile:
    """An open CSV file; its position is in bytes of the file as it lies on the disk."""

    def __init__(self, header: list[str], size: int, raw: IO[bytes], text: IO[str], delimiter: str) -> None:
        self.header, self.size = header, size
        self._raw, self._text, self._delimiter = raw, text, delimiter

    def position(self) -> int:
        """Bytes of the file read so far."""
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
                yield BadRow([Row(begins, [lines.last])], f"not CSV: {error}")
                reader = csv.reader(lines, delimiter=self._delimiter, strict=True)
            else:
                if cells:
                    yield self._checked(Row(begins, cells))
            begins = lines.count + 2

    def _checked(self, row: Row) -> Row | BadRow:
        if len(row.cells) != len(self.header):
            return BadRow([row], f"has {len(row.cells)} cells, the header has {len(self.header)}")
        for number, cell in enumerate(row.cells, 1):
            if not cell.isascii() and any("\ud800" <= c <= "\udfff" for c in cell):
                return BadRow([row], "is not text in the file's encoding", number, self.header[number - 1])
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
            header = [name.strip() for name in next(csv.reader([text.readline()], delimiter=delimiter), [])]
            if not any(header):
                raise MeritError(f"The file {path} has no header in its first line.")
            refuse_repeats(path, header)
            yield CsvFile(header, size, raw, text, delimiter)
        except (gzip.BadGzipFile, EOFError) as error:
            raise MeritError(f"The file {path} is no whole gzip file ({error}).") from error
