"""Reading a sheet of an Excel workbook row by row in bounded memory; numbers and days become text, as in a CSV file."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from merit.home import MeritError
from merit.importing.rows import BadRow, Row, refuse_repeats
from merit.importing.scopes import text_of


class XlsxFile:
    """An open sheet; its position is in rows. Formulas are what the workbook last worked out for them."""

    def __init__(self, header: list[str], size: int, cells: Iterator[tuple[Any, ...]]) -> None:
        self.header, self.size = header, size
        self._cells, self._read = cells, 1

    def position(self) -> int:
        """Rows read so far."""
        return self._read

    def rows(self) -> Iterator[Row | BadRow]:
        """Every row after the header that is not blank; cells beyond the header are no part of the table."""
        width = len(self.header)
        for cells in self._cells:
            self._read += 1
            texts = [_text(cell) for cell in cells[:width]]
            if any(texts):
                yield Row(self._read, texts + [""] * (width - len(texts)))


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float):
        return text_of(Decimal(repr(cell)))
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()  # a day, which Excel keeps as its midnight
    return cell.isoformat() if isinstance(cell, dt.time) else text_of(cell)


@contextmanager
def opened(path: Path, sheet: str | None) -> Iterator[XlsxFile]:
    """Open a sheet (None: the first one) and read its header. Raises MeritError when there is none."""
    import openpyxl  # slow to load, and most imports need none
    from openpyxl.utils.exceptions import InvalidFileException

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles and extensions that do not matter here
        try:
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        except OSError as error:
            raise MeritError(f"The file {path} cannot be read ({error.strerror}).") from error
        except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError) as error:
            raise MeritError(f"The file {path} is no Excel workbook ({error}).") from error
        try:
            if sheet is not None and sheet not in book.sheetnames:
                raise MeritError(f"The file {path} has no sheet {sheet!r}; there are: {', '.join(book.sheetnames)}.")
            found = book[sheet or book.sheetnames[0]]
            cells = found.iter_rows(values_only=True)
            header = [_text(name).strip() for name in next(cells, ())]
            while header and not header[-1]:
                header.pop()
            if not header:
                raise MeritError(f"The file {path} has no header in the first row of its sheet {found.title!r}.")
            refuse_repeats(path, header)
            yield XlsxFile(header, found.max_row or 0, cells)
        finally:
            book.close()
