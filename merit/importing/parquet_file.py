"""Reading a Parquet file batch by batch in bounded memory; values become text, as in a CSV file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from merit.home import MeritError
from merit.importing.rows import BadRow, Row, refuse_repeats
from merit.importing.scopes import plain

if TYPE_CHECKING:
    from arro3.core import Array, RecordBatch

BATCH_ROWS = 2_000
_MAGIC = b"PAR1"


class ParquetFile:
    """An open Parquet file; its position is in rows, and its first row is line 1. Nested columns are left out."""

    def __init__(self, header: Sequence[str], size: int, batches: Iterable[RecordBatch]) -> None:
        self.header, self.size = header, size
        self._batches, self._read = batches, 0

    def position(self) -> int:
        """Rows read so far."""
        return self._read

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row."""
        for batch in self._batches:
            columns = [_texts(batch.column(name)) for name in self.header]
            for cells in zip(*columns, strict=True):
                self._read += 1
                yield Row(self._read, cells)


def _texts(array: Array) -> Sequence[str]:
    """A column as text: whole floats without a point, and what is missing (NaN too) as nothing."""
    from arro3.core import DataType

    texts: list[str | None] = array.cast(DataType.utf8()).to_pylist()
    if DataType.is_floating(array.type):
        return [_number(text) if text else "" for text in texts]
    return [text or "" for text in texts]


def _number(text: str) -> str:
    if text.endswith(".0"):
        return text[:-2]
    number = Decimal(text)
    return plain(number) if number.is_finite() else "" if number.is_nan() else text


@contextmanager
def opened(path: Path) -> Iterator[ParquetFile]:
    """Open a Parquet file. Raises MeritError when it is none."""
    from arro3.core import DataType  # only who has such a file waits for the library to load
    from arro3.io import read_parquet

    _check(path)
    try:
        size = sum(batch.num_rows for batch in read_parquet(path, batch_size=BATCH_ROWS))  # quick, as it makes no text
        batches = read_parquet(path, batch_size=BATCH_ROWS)
        named = zip(batches.schema.names, batches.schema.types, strict=True)
        header = [name for name, type_ in named if not DataType.is_nested(type_)]
        refuse_repeats(path, header)
        yield ParquetFile(header, size, batches)
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # how the library says that a file is broken; it has no module
            raise
        raise MeritError(f"The file {path} is no whole Parquet file ({error}).") from None


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            begins = file.read(len(_MAGIC))
            file.seek(-min(len(_MAGIC), path.stat().st_size), 2)
            ends = file.read()
    except OSError as error:
        raise MeritError(f"The file {path} cannot be read ({error.strerror}).") from error
    if (begins, ends) != (_MAGIC, _MAGIC):
        raise MeritError(f"The file {path} is no whole Parquet file.")
