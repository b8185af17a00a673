"""Opening a file with rows by the end of its name: CSV, CSV in gzip, Excel or Parquet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from merit.importing import csv_file, parquet_file, xlsx_file
from merit.importing.rows import BadRow, Row


@dataclass(frozen=True)
class Reading:
    """How files are read: of CSV the delimiter and encoding, of a workbook the sheet; ``empty`` cells hold nothing."""

    delimiter: str = ","
    encoding: str = "utf-8-sig"
    empty: frozenset[str] = frozenset()
    sheet: str | None = None


class Table(Protocol):
    """An open file with rows under a header."""

    @property
    def header(self) -> Sequence[str]:
        """The names of its columns."""
        ...

    @property
    def size(self) -> int:
        """How much there is to read, in the unit of ``position``."""
        ...

    def position(self) -> int:
        """How far it has been read."""
        ...

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row after the header, once, as text."""
        ...


def opened(path: Path, reading: Reading) -> AbstractContextManager[Table]:
    """Open a file; what is neither ``.xlsx`` nor ``.parquet`` is CSV. Raises MeritError."""
    match path.suffix.lower():
        case ".xlsx" | ".xlsm":
            return xlsx_file.opened(path, reading.sheet)
        case ".parquet":
            return parquet_file.opened(path)
        case _:
            return csv_file.opened(path, reading.delimiter, reading.encoding)
