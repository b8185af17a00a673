"""A definition that cannot work is refused with a pointer per fault; periods and values mean what they say."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kpi.__main__ import shipped
from services.kpi.domain.definitions import BadDefinition, Definition, measures, parse
from services.kpi.domain.periods import (
    GRAINS,
    BadPeriod,
    Window,
    containing,
    following,
    named,
    preceding,
    split,
    trailing,
)
from services.kpi.domain.values import plain, rounded, value_of

GOOD: dict[str, Any] = {
    "key": "rep_sales",
    "label": {"en": "Rep sales"},
    "kind": "simple",
    "over": "order",
    "measure": "sum",
    "field": "amount",
    "unit": "money",
    "direction": "up",
}


def catalogue() -> dict[str, Definition]:
    known: dict[str, Definition] = {}
    for body in shipped():
        known[str(body["key"])] = parse(body, known)
    return known


def faults(change: dict[str, Any]) -> list[tuple[str, str]]:
    body = {k: v for k, v in (GOOD | change).items() if v is not None}
    with pytest.raises(BadDefinition) as caught:
        parse(body, catalogue())
    return [(f.pointer, f.code) for f in caught.value.faults]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"field": "amonut"}, [("/field", "unknown-field")]),
        ({"field": "customer_id"}, [("/field", "type")]),
        ({"field": None}, [("/field", "missing")]),
        ({"measure": "count", "field": None}, [("/unit", "unit")]),
        ({"over": "invoice"}, [("/over", "unknown-fact")]),
        ({"time": "paid_at"}, [("/time", "unknown-anchor")]),
        ({"of": "sales_amount"}, [("/of", "not-for-this-kind")]),
        ({"colour": "red"}, [("/colour", "unknown-field")]),
        ({"label": None}, [("/label", "missing")]),
        ({"where": [{"field": "amount", "operator": ">="}]}, [("/where/0/operator", "shape")]),
        ({"unit": "furlongs"}, [("/unit", "shape")]),
        ({"where": [{"field": "region", "operator": "eq", "value": "x"}]}, [("/where/0/field", "unknown-field")]),
        ({"where": [{"field": "territory", "operator": "set", "value": "x"}]}, [("/where/0", "shape")]),
        ({"where": [{"field": "credited", "operator": "eq", "value": "yes"}]}, [("/where/0/value", "type")]),
        ({"where": [{"field": "amount", "operator": "gt", "value": "ten"}]}, [("/where/0/value", "type")]),
        ({"where": [{"field": "day", "operator": "gt", "value": "2026-02-31"}]}, [("/where/0/value", "type")]),
        ({"where": [{"or": [{"field": "x", "operator": "set"}]}]}, [("/where/0/or/0/field", "unknown-field")]),
        ({"where": [{"field": "amount", "operator": "eq", "field2": "day"}]}, [("/where/0/field2", "type")]),
    ],
)
def test_what_cannot_work_is_refused_where_it_stands(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert faults(change) == expected


def test_every_fault_is_told_at_once() -> None:
    assert len(faults({"field": "nope", "time": "nope", "where": [{"operator": "set"}]})) == 3


def test_growth_of_growth_or_of_nothing_is_refused() -> None:
    growth = {"kind": "growth", "over": None, "measure": None, "field": None, "unit": "percent"}
    assert faults(growth | {"of": "sales_growth"}) == [("/of", "unknown-kpi")]
    assert faults(growth) == [("/of", "missing")]


def test_equal_measures_are_kept_once() -> None:
    known = catalogue()
    assert measures(known["sales_growth"], known) == measures(known["sales_amount"], known)
    assert measures(known["order_count"], known)[0].id != measures(known["orders_per_customer"], known)[0].id


@pytest.mark.parametrize(
    ("name", "start", "end"),
    [
        ("2026", "2026-01-01", "2027-01-01"),
        ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2024-02", "2024-02-01", "2024-03-01"),
        ("2020-W53", "2020-12-28", "2021-01-04"),
        ("2026-03-05", "2026-03-05", "2026-03-06"),
    ],
)
def test_a_period_has_one_name(name: str, start: str, end: str) -> None:
    window = named(name)
    assert (window.start.isoformat(), window.end.isoformat(), window.name) == (start, end, name)


@pytest.mark.parametrize("name", ["2026-Q5", "2026-13", "2021-W53", "26", "2026-02-30", "", "0000", "9999"])
def test_what_is_no_period_is_refused(name: str) -> None:
    with pytest.raises(BadPeriod):
        named(name)


@given(day=st.dates(dt.date(1990, 1, 1), dt.date(2100, 1, 1)), grain=st.sampled_from(GRAINS))
def test_periods_tile_the_calendar(day: dt.date, grain: Any) -> None:
    window = containing(day, grain)
    assert window.start <= day < window.end
    assert preceding(window).end == window.start
    assert following(window).start == window.end
    assert split(preceding(window).start, following(window).end, grain) == [
        preceding(window),
        window,
        following(window),
    ]


def test_a_trailing_window_includes_the_day_asked_for_and_compares_with_as_many_days() -> None:
    window = trailing(7, dt.date(2026, 3, 10))
    assert (window.start, window.end) == (dt.date(2026, 3, 4), dt.date(2026, 3, 11))
    assert preceding(window).start == dt.date(2026, 2, 25)


@pytest.mark.parametrize(
    ("kpi", "current", "prior", "expected"),
    [
        ("orders_per_customer", ["1200", "400"], [], "3.000000"),
        ("orders_per_customer", ["600", "240"], [], "2.500000"),
        ("orders_per_customer", ["0", "0"], [], None),
        ("orders_per_customer", ["1", "2000000"], [], "0.000001"),
        ("sales_growth", ["120"], ["100"], "0.200000"),
        ("sales_growth", ["120"], ["0"], None),
        ("sales_growth", ["50"], ["-50"], "2.000000"),
        ("sales_growth", ["0.0001"], ["3"], "-0.999967"),
        ("sales_amount", ["1234.50000"], [], "1234.5"),
        ("sales_amount", ["-0.00"], [], "0"),
    ],
)
def test_values(kpi: str, current: list[str], prior: list[str], expected: str | None) -> None:
    definition = catalogue()[kpi]
    found = value_of(definition, [Decimal(x) for x in current], [Decimal(x) for x in prior])
    assert found.text == expected
    assert (found.null_reason is None) == (expected is not None)


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


FIRST, LAST = dt.date.min, dt.date.max


@pytest.mark.parametrize("edge", [named("0001"), named("0001-Q1"), named("0001-W01"), named("0001-01-01")])
def test_nothing_precedes_the_first_period_of_the_calendar(edge: Window) -> None:
    with pytest.raises(BadPeriod):
        preceding(edge)


def test_windows_that_leave_the_calendar_are_refused() -> None:
    assert trailing(1, FIRST).start == FIRST
    for days, as_of in ((2, FIRST), (1, LAST)):
        with pytest.raises(BadPeriod):
            trailing(days, as_of)
    with pytest.raises(BadPeriod):
        preceding(split(dt.date(2, 1, 1), LAST, None)[0])
