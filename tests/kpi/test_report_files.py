"""The files of a report: what is written is read back by others, no cell is a formula, and memory stays flat."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.kpi.__main__ import shipped, shipped_reports
from services.kpi.domain.definitions import Published, read
from services.kpi.domain.meaning import InForce
from services.kpi.domain.periods import named
from services.kpi.domain.reports import Report, check_report
from services.kpi.domain.sheets import Language, neutral, why_empty
from services.kpi.domain.timing import Timing, windows
from services.kpi.domain.values import Value, change
from services.kpi.handlers.compute import Answer
from services.kpi.handlers.run_report import Line, Result
from services.kpi.routes.report_files import FORMATS
from services.kpi.routes.results import accepted

NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
TODAY = NOW.date()
KPIS = {body["key"]: Published(read(body), 1, NOW, "merit") for body in shipped()}
MARCH = named("2026-03")
SPLIT = Report(
    label={"en": "=Sales"},
    kpis=("sales_amount", "sales_growth"),
    subject_kind="territory",
    group_by=("product",),
    period="2026-03",
    compare="previous_period",
)
FORMULAS = ("=", "+", "-", "@", "\t", "\r", "\n")


async def _none() -> AsyncIterator[list[Line]]:
    return
    yield


def written(ending: str, lines: list[Line], currency: str = "USD") -> bytes:
    result = Result(SPLIT, [KPIS[key] for key in SPLIT.kpis], {MARCH: [1, 2]}, TODAY, NOW, _none())
    with tempfile.TemporaryFile() as file:
        writer = FORMATS[ending][1](result, "en", currency, file)
        writer.add(lines)
        writer.end()
        file.seek(0)
        return file.read()


amounts = st.decimals(min_value=-(10**12), max_value=10**12, places=4)
numbers = st.one_of(amounts.map(lambda d: Value(format(d, "f"), d)), st.just(Value(None, None, null_reason="no facts")))
texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], include_characters="\t\n=+-@,\";'"), max_size=9
)
answers = st.builds(lambda v, b: Answer("s", MARCH, v, 1, (), b), numbers, numbers) | st.none()
lines = st.builds(
    lambda subject, group, a, b: Line(subject, MARCH, (group,), (a, b)),
    texts.filter(bool),
    st.none() | texts.filter(bool),
    answers,
    answers,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(lines, max_size=5))
def test_what_is_written_is_read_back(some: list[Line]) -> None:
    items = json.loads(written("json", some))["items"]
    header, *rows = csv.reader(io.StringIO(written("csv", some).decode("utf-8"), newline=""))
    _, *cells = openpyxl.load_workbook(io.BytesIO(written("xlsx", some)))["Report"].iter_rows()
    assert len(items) == len(rows) == len(cells) == len(some)
    for line, item, row, sheet in zip(some, items, rows, cells, strict=True):
        assert (item["subject"], item["group"]["product"]) == (line.subject, line.group[0])
        texts_of = [line.subject, line.group[0] or ""]
        assert [row[0], row[4]] == [neutral(t) for t in texts_of]
        expected = [v for a in line.answers for v in figures(a)]
        assert [value or None for value in row[5:-3]] == expected
        for cell, value in zip(sheet[5 : 5 + len(expected)], expected, strict=True):
            assert cell.data_type == ("n" if value is None or len(value.strip("-").replace(".", "")) <= 15 else "s")
            assert same(cell.value, value)
        assert all(cell.data_type != "f" for cell in sheet)
        for n, text in enumerate(row):
            assert not text.startswith(FORMULAS) or (5 <= n < len(header) - 3 and Decimal(text) < 0)


@pytest.mark.parametrize(
    ("currency", "shown"), [("USD", "#,##0.00##"), ("JPY", "#,##0"), ("KWD", "#,##0.000##")], ids=["2", "0", "3"]
)
def test_a_sheet_shows_money_with_the_digits_of_its_currency(currency: str, shown: str) -> None:
    """The cell itself is exact."""
    value = Value("86140098.8", Decimal("86140098.8"))
    line = Line("s", MARCH, ("bikes",), (Answer("s", MARCH, value, 1, (), None), None))
    cell = openpyxl.load_workbook(io.BytesIO(written("xlsx", [line], currency)))["Report"]["F2"]
    assert (cell.value, cell.number_format) == (86140098.8, shown)


def figures(answer: Answer | None) -> list[str | None]:
    """A value, what it is compared with, and the two differences, as they are to be shown."""
    if answer is None:
        return [None] * 4
    told = change(answer.value, answer.before)
    return [answer.value.text, answer.before.text if answer.before else None, told.change, told.relative]


def same(cell: Any, value: str | None) -> bool:
    """A sheet holds a number in binary, exact to 15 digits, or else its text."""
    if value is None or isinstance(cell, str):
        return bool(cell == value)
    return abs(Fraction(Decimal(repr(cell))) - Fraction(value)) <= abs(Fraction(value)) / 10**15


@pytest.mark.parametrize("ending", FORMATS)
def test_memory_does_not_grow_with_the_lines(ending: str) -> None:
    page = [Line(f"s{n}", MARCH, ("p",), (Answer("s", MARCH, Value("1", Decimal(1)), 1), None)) for n in range(200)]
    result = Result(SPLIT, [KPIS[key] for key in SPLIT.kpis], {MARCH: [1, 2]}, TODAY, NOW, _none())
    with tempfile.TemporaryFile() as file:
        writer = FORMATS[ending][1](result, "zh", "CNY", file)
        writer.add(page)
        tracemalloc.start()
        for _ in range(10):
            writer.add(page)
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        writer.end()
        assert file.seek(0, 2) > 3_000
    assert used < 200_000, "2,000 lines stay in memory"


def test_the_shipped_reports_work_and_speak_two_languages() -> None:
    found = shipped_reports()
    assert len(found) >= 6
    for report in found.values():
        check_report(report, InForce(KPIS), TODAY)
        assert set(report.label) == {"en", "zh"}


@pytest.mark.parametrize(
    ("period", "grain", "named_so"),
    [
        ("this_month", None, ["2026-03"]),
        ("last_quarter", None, ["2025-Q4"]),
        ("last_2_months", "month", ["2026-01", "2026-02"]),
        ("last_2_quarters", None, ["2025-07-01/2026-01-01"]),
        ("last_4_quarters", None, ["2025"]),
        ("this_quarter", "month", ["2026-01", "2026-02", "2026-03"]),
        ("this_year", "quarter", ["2026-Q1"]),
        ("this_fiscal_year", None, ["FY2026"]),
        ("last_week", None, ["2026-W10"]),
    ],
)
def test_periods_that_move_with_the_day(period: str, grain: Any, named_so: list[str]) -> None:
    assert [w.name for w in windows(Timing(period=period, grain=grain), TODAY, 4)] == named_so


@pytest.mark.parametrize(
    ("header", "ending"),
    [
        ("", "json"),
        ("*/*", "json"),
        ("text/html, text/csv;q=0.9", "csv"),
        ("application/json, text/csv", "json"),
        ("text/csv, application/json", "csv"),
        ("text/csv;q=0, */*", "json"),
        ("text/csv; q=0.000", "json"),
        ("application/json;q=0, */*", "csv"),
        ("APPLICATION/JSON;Q=0, text/html", None),
        ("text/html", None),
        ("image/png", None),
        ("*/*;q=0", None),
        ("text/csv;q=0, application/json", "json"),
        ("text/html, */*;q=0.1", "json"),
        ("text/*", "csv"),
        ("text/csv;q=0.5, */*", "json"),
        ("application/json;q=0.1, text/csv;q=0.9", "csv"),
        ("text/csv;q=0.5, application/json;charset=utf-8;q=1.0", "json"),
        ("text/csv;q=nonsense", "csv"),
    ],
)
def test_the_format_that_is_accepted(header: str, ending: str | None) -> None:
    assert accepted(header) == ending


def test_what_is_compared_with_says_why_it_is_empty() -> None:
    """Each empty cell of a line is explained once: the KPI's own, or those beside it."""
    two, zero, none = Value("2", Decimal(2)), Value("0", Decimal(0)), Value(None, None, null_reason="no facts")

    def told(language: Language, *pair: Value | None) -> str | None:
        return why_empty(SPLIT, ["Sales"], [(pair[0], pair[1])], language)

    assert told("en", two, zero) == "Sales (period before): compared with zero"
    assert told("zh", two, none) == "Sales (上期): 没有数据"
    assert told("en", none, two) == "Sales: no facts"
    assert told("en", none, none) == "Sales: no facts; Sales (period before): no facts"
    assert told("en", None, None) == "Sales: no facts"
    assert told("en", two, two) is None
