"""What is written in a filter: a literal is taken where the database takes it, and refused where it stands."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.db import Database
from services.kpi.domain.conditions import Condition, conditions_faults, literal
from services.kpi.domain.definitions import BadDefinition, Catalogue
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.faults import parse
from services.kpi.domain.fields import Fields
from services.kpi.domain.measures import measures_of, term_of
from services.kpi.domain.narrowing import narrowed, read_filter
from services.kpi.domain.sql import Params, matches

FIELDS = Fields(FACT_KINDS["opportunity"], {"renewal": "date", "seats": "decimal"})
NAMES = {"decimal": "amount", "date": "attributes.renewal", "instant": "opened_at", "text": "stage"}
OPENED: dict[str, Any] = {
    "key": "opened", "label": {"en": "Opened"}, "kind": "simple", "over": "opportunity", "measure": "count",
    "time": "opened_at", "unit": "count", "direction": "up",
}  # fmt: skip


def refused(kind: str, value: str) -> bool:
    said = Condition(field=NAMES[kind], operator="eq", value=value)
    return [f.pointer for f in conditions_faults([said], FIELDS, "/where")] == ["/where/0/value"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("instant", "0001-01-01T00:00:00+14:00"),  # in UTC still in the year 0
        ("instant", "9999-12-31T23:59:59-14:00"),
        ("instant", "0000-01-01T00:00:00Z"),
        ("instant", "2026-01-01T00:00:60Z"),
        ("instant", "now"),
        ("date", "0000-01-01"),
        ("date", "10000-01-01"),
        ("date", "infinity"),
        ("date", "20260101"),
        ("decimal", "1e3"),
        ("decimal", "1e999999999"),
        ("decimal", "NaN"),
        ("decimal", "Infinity"),
        ("decimal", "１"),
        ("decimal", "1" * 21),
        ("text", "a\x00"),
        ("text", "\ud800"),
    ],
)
def test_what_the_database_would_not_take_is_refused(kind: str, value: str) -> None:
    assert refused(kind, value)


texts = st.one_of(
    st.builds(
        "{:04d}-{:02d}-{:02d}{}{:02d}:{:02d}:{:02d}{}{}".format,
        st.sampled_from([0, 1, 2, 2026, 9998, 9999]),
        st.integers(1, 12),
        st.integers(1, 31),
        st.sampled_from("Tt "),
        *(st.integers(0, n) for n in (24, 59, 60)),
        st.sampled_from(["", ".5", ".123456789"]),
        st.sampled_from(["Z", "z", "", "+00:00", "-14:00", "+14:00", "+23:59", "-2359"]),
    ),
    st.builds("{:04d}-{:02d}-{:02d}".format, st.integers(0, 10_000), st.integers(1, 12), st.integers(1, 31)),
    st.decimals(allow_nan=True, allow_infinity=True).map(str),
    st.text(max_size=5),
)


async def test_whatever_a_definition_may_say_can_be_counted(kpi: Database) -> None:
    """Each literal that passes the check goes into one statement, as the fold of a batch has it."""
    taken: list[dict[str, str]] = [{"field": "opened_at", "operator": "gt", "value": "2026-01-01t00:00:00z"}]

    @given(texts, st.sampled_from(sorted(NAMES)))
    def gather(value: str, kind: str) -> None:
        if not refused(kind, value):
            taken.append({"field": NAMES[kind], "operator": "gt", "value": value})

    gather()
    async with kpi.transaction(readonly=True) as conn:
        for start in range(0, len(taken), 50):
            known = Catalogue({}, FIELDS.custom)
            definition = parse(OPENED | {"where": taken[start : start + 50]}, known)
            (measure,) = measures_of(term_of(definition, known.having(definition)))
            params = Params()
            statement = f"select count(*) from opportunity_fact f where {matches(measure, params)}"
            assert await conn.fetchval(statement, *params) == 0


def test_a_literal_is_what_it_says() -> None:
    assert literal("2026-01-01T00:00:00+08:00", "instant") == dt.datetime(2025, 12, 31, 16, tzinfo=dt.UTC)
    assert literal("2026-01-01", "date") == dt.date(2026, 1, 1)
    assert literal("-0.50", "decimal") == Decimal("-0.5")


def nested(depth: int) -> str:
    return '{"not":' * depth + '{"field":"stage","operator":"set"}' + "}" * depth


def filter_faults(text: str) -> list[tuple[str, str]]:
    term = term_of(opened := parse(OPENED, Catalogue()), Catalogue().having(opened))
    try:
        narrowed(term, read_filter(text), {})
    except BadDefinition as error:
        return [(f.pointer, f.code) for f in error.faults]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (nested(4), []),
        (nested(5), [("/filter/not/not/not/not", "too-large")]),
        *((nested(depth), [("/filter/not/not/not/not", "too-large")]) for depth in (10, 199)),
        *((nested(depth), [("/filter", "too-large")]) for depth in (200, 400)),
        (nested(1_500), [("/filter", "too-large")]),
        ('{"or": [{"not": {"field": "x", "operator": "set"}}]}', [("/filter/or/0/not/field", "unknown-field")]),
        ('{"field": "stage", "operator": "in", "values": ["a", 1]}', [("/filter/values/1", "shape")]),
        ('{"field": "amount", "operator": "in", "values": ["1", "x"]}', [("/filter/values/1", "type")]),
        ('{"field": "attributes.\\u0000", "operator": "set"}', [("/filter/field", "text")]),
        ('{"field": "stage", "operator": "eq", "value": "\\ud800"}', [("/filter", "shape")]),
        ("[]", [("/filter", "shape")]),
        ("[", [("/filter", "shape")]),
    ],
)
def test_a_filter_that_cannot_work_says_where(text: str, expected: list[tuple[str, str]]) -> None:
    assert filter_faults(text) == expected


@pytest.mark.parametrize("depth", [*range(300, 1_000, 100), 5_000])
def test_a_definition_that_is_nested_too_deep_is_refused_at_any_depth(depth: int) -> None:
    """Also where reading it still works, and going through it again would not."""
    where: dict[str, Any] = {"field": "stage", "operator": "set"}
    for _ in range(depth):
        where = {"not": where}
    with pytest.raises(BadDefinition) as refused:
        parse(OPENED | {"where": [where]}, Catalogue())
    assert [f.code for f in refused.value.faults] == ["too-large"]
