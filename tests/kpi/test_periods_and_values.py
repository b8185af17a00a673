"""Periods are half-open ranges of local days; values are exact, with a reason where there is none."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kpi.__main__ import shipped
from services.kpi.domain.definitions import Catalogue
from services.kpi.domain.faults import parse
from services.kpi.domain.measures import term_of
from services.kpi.domain.periods import (
    GRAINS,
    BadPeriod,
    Window,
    containing,
    following,
    named,
    preceding,
    split,
    to_same_day,
    trailing,
    trailing_months,
    year_after,
    year_before,
)
from services.kpi.domain.values import Value, attainment, change, plain, readings, rounded, value_of
from tests.kpi.test_definitions import DERIVED, GROWTH, RATIO, SIMPLE, catalogue


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2020-W53", "2020-12-28", "2021-01-04"),
        ("2026-03-05", "2026-03-05", "2026-03-06"),
        ("FY2026", "2025-04-01", "2026-04-01"),
        ("FY2026-Q1", "2025-04-01", "2025-07-01"),
        ("FY2026-Q4", "2026-01-01", "2026-04-01"),
    ],
)
def test_a_period_has_one_name(name: str, start: str, end: str) -> None:
    window = named(name, 4)
    assert (window.start.isoformat(), window.end.isoformat(), window.name) == (start, end, name)


def test_a_fiscal_year_that_begins_in_january_is_the_calendars() -> None:
    assert (named("FY2026").start, named("FY2026").end) == (named("2026").start, named("2026").end)


@pytest.mark.parametrize(
    "name", ["2026-Q5", "2026-13", "2021-W53", "26", "2026-02-30", "", "0000", "9999", "FY0000", "FY2026-Q0", "fy2026"]
)
def test_what_is_no_period_is_refused(name: str) -> None:
    with pytest.raises(BadPeriod):
        named(name)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: preceding(named("0001")),
        lambda: year_before(named("0001-06")),
        lambda: preceding(Window(dt.date(1, 1, 5), dt.date(1, 3, 1))),
        lambda: trailing(30, dt.date(1, 1, 1)),
        lambda: trailing_months(1, dt.date.max),
        lambda: following(named("9998")),
    ],
)
def test_what_lies_outside_of_time_is_refused(ask: Any) -> None:
    with pytest.raises(BadPeriod):
        ask()


@given(
    day=st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)),
    grain=st.sampled_from([*GRAINS, "fiscal_quarter", "fiscal_year"]),
    month=st.integers(1, 12),
)
def test_periods_tile_the_calendar(day: dt.date, grain: Any, month: int) -> None:
    window = containing(day, grain, month)
    assert window.start <= day < window.end
    assert named(window.name, month) == window
    assert preceding(window).end == window.start
    assert following(window).start == window.end
    assert split(preceding(window).start, following(window).end, grain, month) == [
        preceding(window),
        window,
        following(window),
    ]


@given(day=st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)), grain=st.sampled_from(GRAINS))
def test_the_year_after_is_whatever_has_this_as_its_year_before(day: dt.date, grain: Any) -> None:
    window = containing(day, grain)
    assert window in year_after(year_before(window))
    assert all(year_before(later) == window for later in year_after(window))


@given(st.dates(dt.date(1, 1, 1), dt.date(12, 1, 1)), st.sampled_from(GRAINS))
def test_the_first_years_of_the_calendar_have_a_year_after(day: dt.date, grain: Any) -> None:
    """A company's own date may say such a day, and growth over it looks back at it."""
    window = containing(day, grain)
    assert all(year_before(later) == window for later in year_after(window))
    assert len(year_after(window)) <= 2


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("2026", "2025"),
        ("2026-Q1", "2025-Q1"),
        ("2024-02-29", "2023-02-28"),
        ("2020-W53", "2019-W52"),
        ("2021-W01", "2020-W01"),
        ("FY2026-Q2", "FY2025-Q2"),
    ],
)
def test_a_year_before_has_the_same_number(name: str, before: str) -> None:
    assert year_before(named(name, 10)) == named(before, 10)


def test_a_free_window_a_year_before_keeps_its_last_day() -> None:
    found = year_before(Window(dt.date(2024, 2, 1), dt.date(2024, 3, 1)))
    assert (found.start, found.end) == (dt.date(2023, 2, 1), dt.date(2023, 3, 1))


def test_trailing_months_clamp_and_look_back_at_as_many_months() -> None:
    window = trailing_months(2, dt.date(2020, 3, 31))
    assert (window.start, window.end) == (dt.date(2020, 2, 1), dt.date(2020, 4, 1))
    assert trailing_months(1, dt.date(2023, 3, 31)).start == dt.date(2023, 3, 1)
    assert (preceding(window).start, preceding(window).end) == (dt.date(2019, 12, 1), dt.date(2020, 2, 1))


def test_a_window_is_cut_at_its_as_of_day() -> None:
    march = named("2026-03")
    assert march.cut(dt.date(2026, 3, 10)).end == dt.date(2026, 3, 11)
    assert march.cut(dt.date(2026, 3, 10)).name == "2026-03"
    assert march.cut(dt.date(2026, 4, 1)) == march
    assert march.cut(dt.date(2026, 2, 28)).empty


def test_a_trailing_window_includes_the_day_asked_for_and_compares_with_as_many_days() -> None:
    window = trailing(7, dt.date(2026, 3, 10))
    assert (window.start, window.end) == (dt.date(2026, 3, 4), dt.date(2026, 3, 11))
    assert preceding(window).start == dt.date(2026, 2, 25)


TODAY, MARCH = dt.date(2026, 4, 1), named("2026-03")


def valued(body: dict[str, Any], *numbers: str | None, known: Catalogue | None = None) -> Value:
    """The value of a KPI over March whose measures have these numbers, in the order in which it names them."""
    known = known or catalogue()
    term = term_of(parse(body, known), known)
    asked = dict.fromkeys((m.id, w) for m, w in readings(term, MARCH, TODAY))
    held = dict(zip(asked, [None if n is None else Decimal(n) for n in numbers], strict=True))
    return value_of(term, MARCH, TODAY, lambda m, w: held[m.id, w.cut(TODAY)])


@pytest.mark.parametrize(
    ("kpi", "numbers", "expected"),
    [
        ("orders_per_customer", ["1200", "400"], "3.000000"),
        ("orders_per_customer", ["600", "240"], "2.500000"),
        ("orders_per_customer", ["0", "0"], None),
        ("orders_per_customer", ["1", "2000000"], "0.000001"),
        ("customer_satisfaction", ["74", "107"], "0.691589"),
        ("sales_cycle", ["138", "3"], "46.000000"),
        ("sales_cycle", ["0", "0"], None),
        ("sales_growth", ["120", "100"], "0.200000"),
        ("sales_growth", ["120", "0"], None),
        ("sales_growth", ["50", "-50"], "2.000000"),
        ("sales_growth", ["0.0001", "3"], "-0.999967"),
        ("sales_amount", ["1234.50000"], "1234.5"),
        ("sales_amount", ["-0.00"], "0"),
        ("pipeline_value", ["100000.00"], "100000"),
    ],
)
def test_shipped_values(kpi: str, numbers: list[str], expected: str | None) -> None:
    found = valued(next(b for b in shipped() if b["key"] == kpi), *numbers)
    assert found.text == expected
    assert (found.null_reason is None) == (expected is not None)
    assert (found.exact is None) == (expected is None)


@pytest.mark.parametrize(
    ("expression", "unit", "numbers", "expected"),
    [
        ("sales_amount - pipeline_value", "money", ["10.10", "0.2"], "9.9"),
        ("sales_amount * order_count + 0.5", "money", ["0.1", "3"], "0.8"),
        ("sales_amount / pipeline_value", "percent", ["1", "3"], "0.333333"),
        ("sales_amount / 4", "money", ["1"], "0.250000"),
        ("-sales_amount", "money", ["0"], "0"),
        ("sales_amount / (pipeline_value - pipeline_value)", "percent", ["1", "3"], "nothing to divide by"),
        ("customer_satisfaction * 100", "percent", ["1", "3"], "33.333333"),
        ("customer_satisfaction + win_rate", "percent", ["1", "3", "1", "6"], "0.500000"),
        (
            "customer_satisfaction + win_rate",
            "percent",
            ["1", "3", "0", "0"],
            "win_rate has no value: nothing to divide by",
        ),
        ("sales_growth * 100", "percent", ["1", "0"], "sales_growth has no value: the period before is zero"),
        ("sales_growth * order_count", "count", ["3", "2", "2"], "1.000000"),
    ],
)
def test_derived_values(expression: str, unit: str, numbers: list[str], expected: str) -> None:
    found = valued(DERIVED | {"expression": expression, "unit": unit}, *numbers)
    assert (found.text or found.null_reason) == expected
    if found.text and "." not in found.text:
        assert found.exact == Fraction(found.text)


def test_what_is_shown_of_a_value_has_its_proportion() -> None:
    grown = GROWTH | {"of": "customer_satisfaction"}
    found = valued(grown, "1", "3", "1", "6")  # a third after a sixth: twice as much
    assert (found.text, found.numerator, found.denominator) == ("1.000000", Decimal("0.5"), Decimal("0.5"))
    found = valued(GROWTH, "1.10", "1.00")
    assert (found.numerator, found.denominator) == (Decimal("0.1"), Decimal(1))
    over = {"measure": "count", "where": [{"field": "territory", "operator": "set"}]}
    found = valued(RATIO | {"numerator": over}, "50", "100")  # as they were counted: never reduced
    assert (found.numerator, found.denominator) == (50, 100)


def test_a_least_of_nothing_is_nothing_and_says_so() -> None:
    least = SIMPLE | {"measure": "min"}
    assert valued(least, None).null_reason == "no facts"
    known = catalogue()
    known = known.having(parse(least | {"key": "least"}, known))
    grown = valued(GROWTH | {"of": "least"}, "1", None, known=known)
    assert (grown.text, grown.null_reason) == (None, "no facts")


def test_a_stock_has_no_value_before_its_period_began() -> None:
    known = catalogue()
    term = term_of(known.definitions["pipeline_value"], known)
    found = value_of(term, MARCH, dt.date(2026, 2, 28), lambda m, w: Decimal(1))
    assert (found.text, found.null_reason) == (None, "the period has not begun")


def test_growth_at_the_beginning_of_time_has_no_prior() -> None:
    known = catalogue()
    term = term_of(known.definitions["sales_growth"], known)
    assert value_of(term, named("0001"), TODAY, lambda m, w: Decimal(1)).null_reason == "the period before is zero"


@pytest.mark.parametrize(
    ("actual", "target", "expected"), [("50", "200", "0.250000"), ("50", "0", None), ("0", "3", "0.000000")]
)
def test_attainment(actual: str, target: str, expected: str | None) -> None:
    assert attainment(Value(actual, Decimal(actual)), Decimal(target)).text == expected


@given(st.fractions())
def test_rounding_is_half_away_from_zero_at_six_places(number: Fraction) -> None:
    shown = Fraction(rounded(number))
    assert abs(shown - number) <= Fraction(1, 2_000_000)
    assert rounded(-number) == plain_negative(rounded(number))


def plain_negative(text: str) -> str:
    return text.removeprefix("-") if text.startswith("-") or not Fraction(text) else "-" + text


@given(st.decimals(allow_nan=False, allow_infinity=False, places=10))
def test_plain_text_is_exact(number: Decimal) -> None:
    assert Decimal(plain(number)) == number
    assert "E" not in plain(number)


@pytest.mark.parametrize(
    ("before", "window", "day", "end"),
    [
        ("2025", "2026", "2026-03-01", "2025-03-02"),
        ("2023", "2024", "2024-02-29", "2023-03-01"),
        ("2026-02", "2026-03", "2026-03-31", "2026-03-01"),
        ("2026-Q1", "2026-Q2", "2026-05-31", "2026-03-01"),
        ("2026-W09", "2026-W10", "2026-03-04", "2026-02-26"),
        ("FY2025", "FY2026", "2026-01-01", "2025-01-02"),
    ],
)
def test_a_window_before_is_cut_at_the_same_day(before: str, window: str, day: str, end: str) -> None:
    cut = to_same_day(named(before, 4), named(window, 4), dt.date.fromisoformat(day))
    assert (cut.start, str(cut.end)) == (named(before, 4).start, end)


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        (Value("3", Decimal(3)), Value("2", Decimal(2)), ("1", "0.500000", None)),
        (Value("3", Decimal(3)), Value("0", Decimal(0)), ("3", None, "compared with zero")),
        (Value("3", Decimal(3)), Value(None, None, null_reason="no facts"), (None, None, "no facts")),
        (Value(None, None, null_reason="no facts"), Value("2", Decimal(2)), (None, None, "no facts")),
        (Value("3", Decimal(3)), None, (None, None, None)),
    ],
)
def test_a_change_that_is_none_has_a_reason(now: Value, before: Value | None, expected: Any) -> None:
    found = change(now, before)
    assert (found.change, found.relative, found.null_reason) == expected
