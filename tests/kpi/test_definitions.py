"""A definition that cannot work is refused with a pointer per fault; the shipped ones stand; expressions are exact."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from services.kpi.__main__ import shipped
from services.kpi.domain import expressions
from services.kpi.domain.definitions import BadDefinition, Catalogue
from services.kpi.domain.expressions import BadExpression
from services.kpi.domain.faults import MEASURES_MAX, dependants, parse
from services.kpi.domain.meaning import kept_for
from services.kpi.domain.measures import measures_of, term_of

BASE: dict[str, Any] = {"key": "mine", "label": {"en": "Mine"}, "direction": "up"}
SIMPLE = BASE | {"kind": "simple", "over": "order", "measure": "sum", "field": "amount", "unit": "money"}
RATIO = BASE | {"kind": "ratio", "over": "order", "unit": "percent"}
RATIO |= {"numerator": {"measure": "count"}, "denominator": {"measure": "count"}}
DERIVED = BASE | {"kind": "derived", "unit": "money", "expression": "sales_amount - pipeline_value"}
GROWTH = BASE | {"kind": "growth", "unit": "percent", "of": "sales_amount"}
STOCK = BASE | {"kind": "stock", "over": "opportunity", "measure": "sum", "field": "amount", "unit": "money"}
STOCK |= {"from": "opened_at", "until": "closed_at"}
CUSTOM = {"seats": "decimal", "renewal": "date", "vip": "boolean"}


def catalogue() -> Catalogue:
    known = Catalogue({}, CUSTOM)
    for body in shipped():
        known = known.having(parse(body, known))
    return known


def faults(body: dict[str, Any], change: dict[str, Any], known: Catalogue | None = None) -> list[tuple[str, str]]:
    with pytest.raises(BadDefinition) as caught:
        parse({k: v for k, v in (body | change).items() if v is not None}, known or catalogue())
    return [(f.pointer, f.code) for f in caught.value.faults]


def condition(**said: Any) -> dict[str, Any]:
    return {"where": [said]}


ZEROES = {"expression": "sales_amount / (1 / 2) + 0 / 1 * sales_amount"}


@pytest.mark.parametrize("body", [SIMPLE, RATIO, DERIVED, DERIVED | ZEROES, GROWTH, STOCK])
def test_what_can_work_is_taken(body: dict[str, Any]) -> None:
    assert parse(body, catalogue()).key == "mine"


@pytest.mark.parametrize(
    ("body", "change", "expected"),
    [
        # shape
        (SIMPLE, {"colour": "red"}, [("/colour", "unknown-field")]),
        (SIMPLE, {"label": None}, [("/label", "missing")]),
        (SIMPLE, {"label": {}}, [("/label", "shape")]),
        (SIMPLE, {"label": {"en": "  "}}, [("/label", "shape")]),
        (SIMPLE, {"label": {"fr": "Ventes"}}, [("/label", "shape")]),
        (SIMPLE, {"unit": "furlongs"}, [("/unit", "shape")]),
        (SIMPLE, {"key": "Mine"}, [("/key", "shape")]),
        (SIMPLE, {"kind": "cumulative"}, [("/kind", "shape")]),
        (GROWTH, {"compare": "last_year"}, [("/compare", "shape")]),
        # what belongs to which kind
        (SIMPLE, {"of": "sales_amount"}, [("/of", "not-for-this-kind")]),
        (SIMPLE, {"over": None}, [("/over", "missing")]),
        (RATIO, {"denominator": None}, [("/denominator", "missing")]),
        (RATIO, {"measure": "count"}, [("/measure", "not-for-this-kind")]),
        (GROWTH, {"of": None}, [("/of", "missing")]),
        (GROWTH, {"time": "day"}, [("/time", "not-for-this-kind")]),
        (DERIVED, {"expression": None}, [("/expression", "missing")]),
        (STOCK, {"until": None}, [("/until", "missing")]),
        (STOCK, {"time": "won_at"}, [("/time", "not-for-this-kind")]),
        (STOCK, {"first": True}, [("/first", "not-for-this-kind"), ("/first", "not-for-this-measure")]),
        # facts, fields, anchors
        (SIMPLE, {"over": "invoice"}, [("/over", "unknown-fact")]),
        (SIMPLE, {"field": "amonut"}, [("/field", "unknown-field")]),
        (SIMPLE, {"field": "customer_id"}, [("/field", "type")]),
        (SIMPLE, {"field": None}, [("/field", "missing")]),
        (SIMPLE, {"field": "attributes.renewal"}, [("/field", "type")]),
        (SIMPLE, {"field": "attributes.undeclared"}, [("/field", "type")]),
        (SIMPLE, {"time": "paid_at"}, [("/time", "unknown-anchor")]),
        (SIMPLE, {"time": "attributes.seats"}, [("/time", "unknown-anchor")]),
        (STOCK, {"from": "day"}, [("/from", "unknown-anchor")]),
        (STOCK, {"until": "opened_at"}, [("/until", "same-anchor")]),
        # measures
        (SIMPLE, {"measure": "count", "unit": "count"}, [("/field", "not-for-count")]),
        (SIMPLE, {"measure": "average", "field": "customer_id"}, [("/field", "type")]),
        (SIMPLE, {"measure": "median"}, [("/measure", "shape")]),
        (SIMPLE, {"measure": "percentile"}, [("/percentile", "bounds")]),
        (SIMPLE, {"measure": "percentile", "percentile": 0}, [("/percentile", "bounds")]),
        (SIMPLE, {"measure": "percentile", "percentile": 100}, [("/percentile", "bounds")]),
        (SIMPLE, {"measure": "percentile", "percentile": "100.1"}, [("/percentile", "bounds")]),
        (SIMPLE, {"measure": "percentile", "percentile": 99.9}, [("/percentile", "shape")]),
        (SIMPLE, {"percentile": 50}, [("/percentile", "not-for-this-measure")]),
        (SIMPLE, {"at_least": 2}, [("/at_least", "not-for-this-measure")]),
        (SIMPLE, {"measure": "count_entities", "unit": "count"}, [("/at_least", "shape")]),
        (SIMPLE, {"measure": "count_entities", "unit": "count", "at_least": 0}, [("/at_least", "bounds")]),
        (
            SIMPLE,
            {"measure": "count_entities", "unit": "count", "at_least": 2, "first": True},
            [("/at_least", "shape")],
        ),
        (RATIO, {"numerator": {"measure": "sum"}}, [("/numerator/field", "missing")]),
        (RATIO, {"denominator": {"measure": "max", "field": "x"}}, [("/denominator/field", "unknown-field")]),
        # units
        (SIMPLE, {"measure": "count", "field": None}, [("/unit", "unit")]),
        (SIMPLE, {"unit": "count"}, [("/unit", "unit")]),
        (SIMPLE, {"over": "order_line", "field": "quantity"}, [("/unit", "unit")]),
        (RATIO, {"unit": "money"}, [("/unit", "unit")]),
        (RATIO, {"numerator": {"measure": "sum", "field": "amount"}}, [("/unit", "unit")]),
        (GROWTH, {"unit": "money"}, [("/unit", "unit")]),
        (STOCK, {"unit": "days"}, [("/unit", "unit")]),
        (DERIVED, {"unit": "count"}, [("/unit", "unit")]),
        (DERIVED, {"expression": "sales_amount + order_count"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "sales_amount * sales_amount"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "sales_amount / sales_amount"}, [("/unit", "unit")]),
        # other KPIs
        (GROWTH, {"of": "no_such"}, [("/of", "unknown-kpi")]),
        (GROWTH, {"of": "mine"}, [("/of", "cycle")]),
        (DERIVED, {"expression": "sales_amount + mine"}, [("/expression", "cycle")]),
        (DERIVED, {"expression": "no_such + sales_amount"}, [("/expression", "unknown-kpi")]),
        (DERIVED, {"expression": "1 + 2"}, [("/expression", "no-kpi")]),
        (DERIVED, {"expression": "sales_amount +"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "sales_amount / 0"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "sales_amount / (0.5 * 2 - 1)"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "sales_amount * (1 / 0)"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "sales_amount / (1 / 0)"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "sales_amount - sales_amount / 0 + 1"}, [("/expression", "expression")]),
        (DERIVED, {"expression": "__import__('os')"}, [("/expression", "expression")]),
        # filters
        (SIMPLE, condition(field="amount", operator=">="), [("/where/0/operator", "shape")]),
        (SIMPLE, condition(operator="set"), [("/where/0", "shape")]),
        (SIMPLE, condition(field="region", operator="eq", value="x"), [("/where/0/field", "unknown-field")]),
        (SIMPLE, condition(field="territory", operator="set", value="x"), [("/where/0", "shape")]),
        (SIMPLE, condition(field="territory", operator="in", value="x"), [("/where/0", "shape")]),
        (SIMPLE, condition(field="credited", operator="eq", value="yes"), [("/where/0/value", "type")]),
        (SIMPLE, condition(field="credited", operator="lt", value=True), [("/where/0/operator", "type")]),
        (SIMPLE, condition(field="amount", operator="gt", value="ten"), [("/where/0/value", "type")]),
        (SIMPLE, condition(field="amount", operator="gt", value="1e3"), [("/where/0/value", "type")]),
        (SIMPLE, condition(field="day", operator="gt", value="2026-02-31"), [("/where/0/value", "type")]),
        (SIMPLE, condition(field="attributes.vip", operator="eq", value="true"), [("/where/0/value", "type")]),
        (SIMPLE, condition(field="attributes.seats", operator="gt", value="few"), [("/where/0/value", "type")]),
        (SIMPLE, condition(field="territory", operator="eq", value="a\x00"), [("/where/0/value", "text")]),
        # texts that no table holds
        (SIMPLE, {"label": {"en": "a\ud800"}}, [("/label/en", "text")]),
        (SIMPLE, {"owner": "a\x00"}, [("/owner", "text")]),
        (SIMPLE, condition(field="amount", operator="eq", field2="day"), [("/where/0/field2", "type")]),
        (SIMPLE, {"where": [{"or": [{"field": "x", "operator": "set"}]}]}, [("/where/0/or/0/field", "unknown-field")]),
        (SIMPLE, {"where": [{"or": [], "and": []}]}, [("/where/0", "shape")]),
        (SIMPLE, {"where": [{"field": "territory", "operator": "set"}] * 51}, [("/where", "too-large")]),
        (STOCK, condition(field="opened_at", operator="lt", value="2026-01-01"), [("/where/0/value", "type")]),
        (STOCK, condition(field="opened_at", operator="lt", value="2026-01-01T00:00:00"), [("/where/0/value", "type")]),
        (
            RATIO,
            {"numerator": {"measure": "count", **condition(field="x", operator="set")}},
            [("/numerator/where/0/field", "unknown-field")],
        ),
    ],
)
def test_what_cannot_work_is_refused_where_it_stands(
    body: dict[str, Any], change: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert faults(body, change) == expected


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label": {}}, "in en, zh or both, each of 1 to 200 characters that are not all blank"),
        ({"label": {"en": ""}}, "in en, zh or both, each of 1 to 200 characters that are not all blank"),
        ({"label": {"en": " "}}, "in en, zh or both, each of 1 to 200 characters that are not all blank"),
        ({"key": "My KPI"}, "lower-case letters, digits and _ only, at most 64"),
        ({"field": "attributes.new"}, "it is not declared, and so a text (what was declared just now is known here"),
        ({"time": "attributes.new"}, "it is not declared, and so a text"),
        (condition(field="attributes.new", operator="eq", value=True), "it is not declared, and so a text"),
        (condition(field="amount", operator="eq", field2="attributes.new"), "it is not declared, and so a text"),
    ],
)
def test_a_fault_says_what_to_write_instead(change: dict[str, Any], words: str) -> None:
    with pytest.raises(BadDefinition) as caught:
        parse(SIMPLE | change, catalogue())
    (fault,) = caught.value.faults
    assert words in fault.detail


def test_every_fault_is_told_at_once() -> None:
    assert len(faults(SIMPLE, {"field": "nope", "time": "nope", "where": [{"operator": "set"}]})) == 3


def test_a_circle_through_other_kpis_is_refused() -> None:
    known = catalogue()
    for key, expression in (("one", "sales_amount + 1"), ("two", "one * 2")):
        known = known.having(parse(DERIVED | {"key": key, "expression": expression}, known))
    assert faults(DERIVED | {"key": "one"}, {"expression": "two - 1"}, known) == [("/expression", "cycle")]
    assert [d.key for d in dependants("sales_amount", known)] == ["sales_growth", "one", "two"]


def test_what_others_stand_on_changes_only_to_what_they_can_bear() -> None:
    known = catalogue()
    known = known.having(parse(DERIVED, known))
    counted = {"key": "sales_amount", "measure": "count", "field": None, "unit": "count"}
    assert faults(SIMPLE, counted, known) == [("", "in-use")]
    filtered = {"key": "sales_amount", "where": [{"field": "credited", "operator": "eq", "value": True}]}
    assert parse(SIMPLE | filtered, known).where


def test_a_kpi_stands_on_so_many_measures_and_no_more() -> None:
    known = catalogue()
    for n in range(7):  # each stands on twice as many as the one before
        body = DERIVED | {"key": f"d{n}", "expression": f"d{n - 1} + d{n - 1}" if n else "sales_amount"}
        if 2**n > MEASURES_MAX:
            assert faults(body, {}, known) == [("/expression", "too-large")]
            break
        known = known.having(parse(body, known))
    growths = known.having(parse(GROWTH | {"key": "g0"}, known))
    growths = growths.having(parse(GROWTH | {"key": "g1", "of": "g0"}, growths))
    assert len(list(measures_of(term_of(growths.definitions["g1"], growths)))) == 4


def test_a_companys_own_fields_can_be_measured_and_date_a_kpi() -> None:
    seats = {"field": "attributes.seats", "time": "attributes.renewal", "unit": "count"}
    (measure,) = measures_of(term_of(parse(SIMPLE | seats, catalogue()), catalogue()))
    assert measure.custom == (("renewal", "date"), ("seats", "decimal"))


def test_equal_measures_are_kept_once() -> None:
    known = catalogue()
    terms = {key: term_of(d, known) for key, d in known.definitions.items()}
    ids = {key: [m.id for m in measures_of(term)] for key, term in terms.items()}
    assert ids["sales_growth"] == ids["sales_amount"] * 2
    assert ids["order_count"][0] != ids["orders_per_customer"][0]
    (kept,) = kept_for(terms.values()).keys.values()  # customers are counted in four ways, and kept once
    assert kept.thresholds == (0, 1, 2)


def test_refunds_only_add_to_sums_unless_a_filter_says_otherwise() -> None:
    def where(change: dict[str, Any]) -> list[str]:
        (measure,) = measures_of(term_of(parse(SIMPLE | change, catalogue()), catalogue()))
        return [f"{c.field} {c.operator} {c.value}" for c in measure.aggregate.where]

    refunds = condition(field="entry_kind", operator="eq", value="refund")
    assert where({}) == []
    assert where({"measure": "max"}) == ["entry_kind eq order"]
    assert where({"measure": "max"} | refunds) == ["entry_kind eq refund"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a + b * 2", 16),
        ("(a + b) * 2", 22),
        ("a - b - 1", 0),
        ("-a + b", -1),
        ("--a", 6),
        ("a / b / 2", Fraction(3, 5)),
        ("0.1 + 0.2", Fraction(3, 10)),
        ("12345678901234567890.0123456789", Fraction("12345678901234567890.0123456789")),
    ],
)
def test_arithmetic_is_exact(text: str, expected: Fraction) -> None:
    assert expressions.calculate(expressions.parse(text), {"a": Fraction(6), "b": Fraction(5)}) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "()", "a b", "a **b", "a // b", "a % b", "a if b else c", "a or b", "not a", "a < b", "f(a)", "a.real"),
        *(
            "a[b]",
            "'a'",
            "1e5",
            "0x1",
            "1_000",
            "007",
            "12ab",
            "1.5.2",
            "a\n+ b",
            "A",
            "\u0661",
            "lambda",
            "a,b",
            "None",
        ),
        *("a := b", "a" * 501, "(" * 300 + "a" + ")" * 300, "-" * 400 + "a", " + ".join(["a"] * 124)),
    ],
)
def test_what_is_no_arithmetic_is_refused(text: str) -> None:
    with pytest.raises(BadExpression):
        expressions.parse(text)


def nested(depth: int, width: int) -> dict[str, Any]:
    leaf = {"field": "customer_id", "operator": "eq", "value": "w"}
    return {"or": [nested(depth - 1, width) for _ in range(width)]} if depth else leaf


@pytest.mark.parametrize(("depth", "width", "sound"), [(2, 13, True), (3, 6, False), (3, 20, False)])
def test_a_filter_has_a_bounded_number_of_conditions_however_they_are_nested(
    depth: int, width: int, sound: bool
) -> None:
    """Each is a parameter of the statement that folds a batch for all KPIs, and those have an end."""
    body = BASE | SIMPLE | {"where": [nested(depth, width)]}
    if sound:
        parse(body, catalogue())
        return
    with pytest.raises(BadDefinition) as refused:
        parse(body, catalogue())
    assert [(f.pointer, f.code) for f in refused.value.faults] == [("/where", "too-large")]
