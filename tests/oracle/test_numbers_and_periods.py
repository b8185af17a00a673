"""Hand-made cases: numbers as they are written, and windows of days."""

from __future__ import annotations

import ast
import datetime as dt
import sys
from fractions import Fraction
from pathlib import Path

import pytest

from tests.oracle import numbers, periods


class TestIndependence:
    def test_the_oracle_imports_the_standard_library_only(self) -> None:
        for path in Path(__file__).parent.glob("*.py"):
            if path.name.startswith(("test_", "conftest")):
                continue
            for node in ast.walk(ast.parse(path.read_text())):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for name in names:
                    assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("tests.oracle"), path


class TestNumbers:
    @pytest.mark.parametrize(
        ("number", "written"),
        [("0", "0"), ("100", "100"), ("0.10", "0.1"), ("-2.5", "-2.5"), ("1e-20", "0." + "0" * 19 + "1")],
    )
    def test_plain(self, number: str, written: str) -> None:
        assert numbers.plain(Fraction(number)) == written

    def test_plain_refuses_what_never_ends(self) -> None:
        with pytest.raises(ValueError, match="no finite decimal"):
            numbers.plain(Fraction(1, 3))

    @pytest.mark.parametrize(
        ("number", "written"), [("0.005", "0.01"), ("-0.005", "-0.01"), ("0.00499", "0.00"), ("2.675", "2.68")]
    )
    def test_cents_go_half_away_from_zero(self, number: str, written: str) -> None:
        assert numbers.cents(Fraction(number)) == written

    def test_ratio_has_six_places(self) -> None:
        assert numbers.ratio(Fraction(74, 107)) == "0.691589"  # K1


class TestPeriods:
    @pytest.mark.parametrize(
        ("grain", "day", "named", "first", "end"),
        [
            ("day", "2024-02-29", "2024-02-29", "2024-02-29", "2024-03-01"),
            ("week", "2024-12-31", "2025-W01", "2024-12-30", "2025-01-06"),
            ("month", "2024-12-31", "2024-12", "2024-12-01", "2025-01-01"),
            ("quarter", "2024-11-30", "2024-Q4", "2024-10-01", "2025-01-01"),
            ("year", "2024-11-30", "2024", "2024-01-01", "2025-01-01"),
        ],
    )
    def test_calendar(self, grain: str, day: str, named: str, first: str, end: str) -> None:
        window = periods.containing(grain, dt.date.fromisoformat(day))
        assert (periods.name(grain, window), *map(str, window)) == (named, first, end)

    def test_before_and_trailing(self) -> None:
        march = periods.containing("month", dt.date(2024, 3, 1))
        assert periods.before("month", march)[0] == dt.date(2024, 2, 1)
        week = periods.trailing(7, dt.date(2024, 3, 7))
        assert week == (dt.date(2024, 3, 1), dt.date(2024, 3, 8))
        assert periods.before(None, week) == (dt.date(2024, 2, 23), dt.date(2024, 3, 1))
