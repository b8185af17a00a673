"""A report's result as a file: JSON, CSV or XLSX, written page by page so that memory stays flat."""

from __future__ import annotations

import csv
import datetime as dt
import io
import tempfile
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import IO, Any, Protocol

import msgspec
import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from contracts.currencies import MINOR_DIGITS
from services.kpi.domain import sheets
from services.kpi.domain.definitions import Published
from services.kpi.domain.sheets import Column, Language
from services.kpi.handlers.run_report import Line, Result
from services.kpi.routes.windows import change_shown, place, value_shown

DIGITS_MAX = 15
"""A sheet's numbers are binary, and exact to so many digits: a longer one is written as text."""
_NUMBERS = {"day": "yyyy-mm-dd", "part": "0.0%"}
_FIGURES = ("money", "part", "number")
_WIDTHS = {"text": 16, "day": 11, "money": 18, "part": 14, "number": 14}


class ReportFile(Protocol):
    """Writes the lines of a result. Both block: call them from a thread."""

    def add(self, lines: list[Line]) -> None:
        """Write some lines."""
        ...

    def end(self) -> None:
        """Write what comes after the last one; needed also where the lines broke off."""
        ...


def _kpi(published: Published, language: Language, currency: str) -> dict[str, Any]:
    definition = published.definition
    return {
        "key": definition.key,
        "version": published.version,
        "label": sheets.in_language(definition.label, language),
        "unit": definition.unit,
        "currency": currency if definition.unit == "money" else None,
        "direction": definition.direction,
    }


class Json:
    """``items`` with what a value is made of, as the values' own route answers."""

    def __init__(self, result: Result, language: Language, currency: str, file: IO[bytes]) -> None:
        self._report, self._keys = result.report, [k.definition.key for k in result.kpis]
        self._file, self._empty, self._measured_by = file, True, result.measured_by
        head = {
            "label": sheets.in_language(result.report.label, language),
            "as_of": result.as_of,
            "until": result.until,
            "kpis": [_kpi(k, language, currency) for k in result.kpis],
        }
        self._file.write(msgspec.json.encode(head)[:-1] + b',"items":[')

    def add(self, lines: list[Line]) -> None:
        for line in lines:
            self._file.write((b"\n" if self._empty else b",\n") + msgspec.json.encode(self._item(line)))
            self._empty = False

    def end(self) -> None:
        self._file.write(b"]}")

    def _item(self, line: Line) -> dict[str, Any]:
        item = place(self._report.subject_kind, line.subject, line.window)
        if self._report.group_by:
            item["group"] = dict(zip(self._report.group_by, line.group, strict=True))
        item["values"] = values = {}
        versions = self._measured_by[line.window]
        for key, answer, version in zip(self._keys, line.answers, versions, strict=True):
            values[key] = value_shown(answer.value if answer else sheets.NOTHING) | {"version": version}
            if self._report.compare:
                values[key]["compare"] = change_shown(answer) if answer else None
        return item


class _Table:
    """What CSV and XLSX share: the columns, and a line's cells."""

    def __init__(self, result: Result, language: Language, currency: str) -> None:
        self.result, self.language = result, language
        self.columns = sheets.columns(result.report, result.kpis, language, currency)
        self._titles = sheets.names(result.kpis, language)
        self._as_of = result.as_of.isoformat() if result.as_of else None
        self._versions = {w: self._said(versions) for w, versions in result.measured_by.items()}

    def cells(self, line: Line) -> list[sheets.Cell]:
        found = [(a.value, a.before) if a else (None, None) for a in line.answers]
        told = sheets.cells(self.result.report, (line.subject, line.window, line.group), found)
        why = sheets.why_empty(self.result.report, self._titles, found, self.language)
        return [*told, why, self._as_of, self._versions[line.window]]

    def _said(self, versions: Sequence[int]) -> str:
        return ", ".join(f"{key} v{v}" for key, v in zip(self.result.report.kpis, versions, strict=True))

    def about(self) -> list[tuple[str, str]]:
        result = self.result
        used = [sorted(set(of_one)) for of_one in zip(*result.measured_by.values(), strict=True)]
        return sheets.about(result.report, result.kpis, used, result.as_of, result.until, self.language)


class Csv:
    """RFC 4180 in UTF-8 with a header; numbers exact and plain, days as ISO 8601."""

    def __init__(self, result: Result, language: Language, currency: str, file: IO[bytes]) -> None:
        self._table = _Table(result, language, currency)
        self._text = io.TextIOWrapper(file, "utf-8", newline="")
        self._writer = csv.writer(self._text)
        self._writer.writerow([c.title for c in self._table.columns])

    def add(self, lines: list[Line]) -> None:
        self._writer.writerows(self._table.cells(line) for line in lines)

    def end(self) -> None:
        self._text.detach()


class Xlsx:
    """A workbook: the lines with a frozen header, and a sheet that says what they are."""

    def __init__(self, result: Result, language: Language, currency: str, file: IO[bytes]) -> None:
        self._table = _Table(result, language, currency)
        self._parts = tempfile.TemporaryDirectory()
        options = {"constant_memory": True, "tmpdir": self._parts.name}
        self._book = xlsxwriter.Workbook(file, options)
        self._sheet: Worksheet = self._book.add_worksheet("Report")
        numbers = _NUMBERS | {"money": _money_shown(currency)}
        self._formats = {c.form: self._format(numbers.get(c.form)) for c in self._table.columns}
        bold = self._book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        for n, column in enumerate(self._table.columns):
            self._sheet.set_column(n, n, _WIDTHS[column.form])
            self._sheet.write_string(0, n, column.title, bold)
        self._sheet.freeze_panes(1, 2)
        self._rows = 0

    def add(self, lines: list[Line]) -> None:
        for line in lines:
            self._rows += 1
            for n, (column, cell) in enumerate(zip(self._table.columns, self._table.cells(line), strict=True)):
                self._write(n, column, cell)

    def end(self) -> None:
        self._sheet.autofilter(0, 0, self._rows, len(self._table.columns) - 1)
        about = self._book.add_worksheet("About")
        about.set_column(0, 1, 40)
        for n, (name, said) in enumerate(self._table.about()):
            about.write_string(n, 0, name)
            about.write_string(n, 1, said)
        self._book.close()
        self._parts.cleanup()

    def _format(self, shown: str | None) -> Format | None:
        return self._book.add_format({"num_format": shown}) if shown else None

    def _write(self, n: int, column: Column, cell: sheets.Cell) -> None:
        shown = self._formats[column.form]
        if cell is None:
            return
        if isinstance(cell, dt.date):
            self._sheet.write_datetime(self._rows, n, dt.datetime.combine(cell, dt.time()), shown)
        elif column.form in _FIGURES and _digits(cell) <= DIGITS_MAX:
            self._sheet.write_number(self._rows, n, Decimal(cell), shown)
        else:
            self._sheet.write_string(self._rows, n, cell)


def _money_shown(currency: str) -> str:
    """A sheet's format of amounts: with all digits of the currency, and two more where there are any."""
    digits = MINOR_DIGITS[currency]
    return f"#,##0.{'0' * digits}##" if digits else "#,##0"  # a sheet would show a point with nothing after it


def _digits(cell: str) -> int:
    return len(cell) - cell.startswith("-") - ("." in cell)


FORMATS: Mapping[str, tuple[str, Callable[[Result, Language, str, IO[bytes]], ReportFile]]] = {
    "json": ("application/json", Json),
    "csv": ("text/csv; charset=utf-8; header=present", Csv),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Xlsx),
}
"""The formats of a result by name, which a file's ending is too: the media type, and what writes it."""
