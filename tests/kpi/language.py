"""The whole language of definitions, and facts of every kind, as strategies: small pools, so that things meet."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, get_args

from hypothesis import strategies as st

from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import BadDefinition, Catalogue, Definition
from services.kpi.domain.fact_kinds import FACT_KINDS, FactKind
from services.kpi.domain.facts import ROWS, Fact
from services.kpi.domain.faults import parse
from services.kpi.domain.fields import Fields
from services.kpi.domain.units import Unit

CUSTOM = {"seats": "decimal", "renewal": "date", "vip": "boolean", "region": "text"}
REPS, TERRITORIES, CUSTOMERS = ["ann", "bob", "cy", None], ["north", "south", None], ["c1", "c2", "c3", None]
TEXTS = ["a", "b", "open", "won", "cancelled", None]
DAYS = [dt.date(2025, 12, 27) + dt.timedelta(days=n) for n in (0, 1, 2, 3, 4, 5, 6, 8)]
DAYS += [dt.date(2024, 2, 29), dt.date(2025, 2, 28), dt.date(2025, 10, 1), dt.date(2026, 3, 31), dt.date(2026, 4, 1)]
days = st.sampled_from(DAYS)
decimals = st.sampled_from([Decimal(x) for x in ("-2.5", "0", "0.01", "1", "1.10", "3", "7", "10.000001")])
instants = st.builds(
    lambda day, hour: dt.datetime.combine(day, dt.time(hour), dt.UTC), days, st.sampled_from([0, 5, 12, 23])
)
VALUES = {
    "text": st.sampled_from(TEXTS),
    "decimal": decimals,
    "date": days,
    "instant": instants,
    "boolean": st.booleans(),
}
attributes = st.fixed_dictionaries(
    {},
    optional={
        "seats": st.sampled_from(["2", "2.50", "-1", 3, "many", True, None]),
        "renewal": st.sampled_from(["2026-01-01", "2025-02-28", "2026-02-31", "soon", None]),
        "vip": st.sampled_from([True, False, "true", "yes", 1, None]),
        "region": st.sampled_from(["a", "b", "", None]),
        "junk": st.sampled_from(["a", 7, True, None]),
    },
)


@st.composite
def objects(draw: st.DrawFn, over: str, object_id: str) -> list[Fact]:
    """All facts of one business object as it may stand: entries, each once per credit."""
    kind = FACT_KINDS[over]
    shared = {"customer_id": draw(st.sampled_from(CUSTOMERS)), "territory": draw(st.sampled_from(TERRITORIES))}
    shared |= {"attributes": draw(attributes)}
    if kind.member_day:
        shared[kind.member_day] = draw(days)
    facts = []
    for n in range(draw(st.integers(1, 2 if kind.counted else 1))):
        entry = shared | {c: draw(_own(kind, c)) for c in (*kind.own, *kind.day_columns) if c not in shared}
        if kind.counted:
            entry["entry_kind"] = kind.counted if n == 0 else "refund"
        reps = draw(st.lists(st.sampled_from(REPS), min_size=1, max_size=3 if kind.several_credits else 1, unique=True))
        for line, rep in enumerate(reps):
            split = {c: draw(_own(kind, c)) for c in kind.split}
            row = entry | split | {"object_id": object_id, "entry": f"e{n}", "line": line, "rep_id": rep}
            facts.append(ROWS[over](**row))
    return facts


def _own(kind: FactKind, column: str) -> st.SearchStrategy[Any]:
    may_miss = "None" in str(ROWS[kind.name].__annotations__[column])
    held = VALUES[kind.own.get(column, "date")].filter(lambda v: v is not None)
    return st.none() | held if may_miss else held


@st.composite
def conditions(draw: st.DrawFn, over: str, depth: int = 0) -> dict[str, Any]:
    """A filter: comparisons with values and with other fields, within and, or and not."""
    if depth < 2 and draw(st.integers(0, 4)) == 0:
        inner = st.lists(conditions(over, depth + 1), max_size=2)
        word = draw(st.sampled_from(["and", "or", "not"]))
        return {word: draw(conditions(over, depth + 1)) if word == "not" else draw(inner)}
    fields = Fields(FACT_KINDS[over], CUSTOM)
    names = [*FACT_KINDS[over].fields, *(f"attributes.{n}" for n in (*CUSTOM, "junk"))]
    field = draw(st.sampled_from(names))
    type_ = fields.type(field)
    operators = ["eq", "ne", "set", "not_set"] + ["lt", "lte", "gt", "gte"] * (type_ != "boolean")
    operators += ["in", "not_in"] * (type_ != "boolean")
    operator = draw(st.sampled_from(operators))
    if operator in ("set", "not_set"):
        return {"field": field, "operator": operator}
    if operator in ("in", "not_in"):
        return {"field": field, "operator": operator, "values": draw(st.lists(_written(type_), max_size=3))}
    alike = [n for n in names if fields.type(n) == type_]
    if draw(st.booleans()):
        return {"field": field, "operator": operator, "field2": draw(st.sampled_from(alike))}
    return {"field": field, "operator": operator, "value": draw(_written(type_))}


def _written(type_: str | None) -> st.SearchStrategy[Any]:
    pools = {
        "text": st.sampled_from(["ann", "bob", "c1", "north", "order", "refund", *(t for t in TEXTS if t)]),
        "decimal": decimals.map(str),
        "date": days.map(dt.date.isoformat),
        "instant": instants.map(dt.datetime.isoformat),
        "boolean": st.booleans(),
    }
    return pools[type_ or "text"]


@st.composite
def aggregates(draw: st.DrawFn, over: str, stock: bool = False) -> dict[str, Any]:
    """A measure with what it needs."""
    fields = Fields(FACT_KINDS[over], CUSTOM)
    names = [*FACT_KINDS[over].fields, *(f"attributes.{n}" for n in (*CUSTOM, "junk"))]
    numbers = [n for n in names if fields.type(n) == "decimal"]
    measure = draw(
        st.sampled_from(["sum", "count", "count_distinct", "average", "min", "max", "percentile", "count_entities"])
    )
    if measure == "count":
        return {"measure": measure}
    if measure == "count_distinct":
        return {"measure": measure, "field": draw(st.sampled_from(names))}
    if measure == "count_entities":
        ways = [{"at_least": 1}, {"at_least": 2}, {"at_least": 3}] + [{"first": True}] * (not stock) * 2
        return {"measure": measure, "field": draw(st.sampled_from([*names, "customer_id"]))} | draw(
            st.sampled_from(ways)
        )
    body = {"measure": measure, "field": draw(st.sampled_from(numbers))}
    return body | (
        {"percentile": draw(st.sampled_from([50, 25, 90, "33.3", "99.9999999999"]))} if measure == "percentile" else {}
    )


@st.composite
def definitions(draw: st.DrawFn, known: dict[str, Any]) -> dict[str, Any]:
    """A KPI of any kind; it may name those of ``known``."""
    kind = draw(st.sampled_from(["simple", "simple", "ratio", "stock", *(["derived", "growth"] if known else [])]))
    body: dict[str, Any] = {"key": f"k{len(known)}", "label": {"en": "K"}, "kind": kind, "direction": "up"}
    if kind == "growth":
        compare = draw(st.sampled_from([{}, {"compare": "previous_period"}, {"compare": "previous_year"}]))
        return body | {"of": draw(st.sampled_from(sorted(known)))} | compare
    if kind == "derived":
        return body | {"expression": draw(expressions(sorted(known)))}
    over = draw(st.sampled_from(["order", "order", *FACT_KINDS]))
    anchors = [*FACT_KINDS[over].anchors, "attributes.renewal"]
    body |= {"over": over, "where": draw(st.lists(conditions(over), max_size=2))}
    if kind == "stock":
        first, last = draw(st.permutations(anchors))[:2]
        return body | draw(aggregates(over, stock=True)) | {"from": first, "until": last}
    body |= draw(st.sampled_from([{}, {"time": draw(st.sampled_from(anchors))}]))
    if kind == "simple":
        return body | draw(aggregates(over))
    parts = {
        p: draw(aggregates(over)) | {"where": draw(st.lists(conditions(over), max_size=1))}
        for p in ("numerator", "denominator")
    }
    return body | parts


@st.composite
def expressions(draw: st.DrawFn, keys: list[str], depth: int = 0) -> str:
    """Arithmetic that names at least one KPI."""
    if depth == 2 or draw(st.booleans()):
        return draw(st.sampled_from(keys))
    other = draw(st.sampled_from([*keys, "2", "0.5", "0"]) if depth else expressions(keys, depth + 1))
    text = f"{draw(expressions(keys, depth + 1))} {draw(st.sampled_from('+-*/'))} {other}"
    return draw(st.sampled_from([f"({text})", f"-({text})", text]))


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[dict[str, Any], Catalogue]:
    """A few KPIs, each with a unit that it can have (what has none is left out): as data, and as parsed."""
    bodies: dict[str, Any] = {}
    catalogue = Catalogue({}, CUSTOM)
    for _ in range(draw(st.integers(1, 5))):
        body = draw(definitions(bodies))
        for unit in get_args(Unit):
            definition, faults = attempt(body | {"unit": unit}, catalogue)
            assert all(f.code in ("unit", "expression", "too-large") for f in faults), (body, faults)
            if definition:
                bodies[body["key"]] = body | {"unit": unit}
                catalogue = catalogue.having(definition)
                break
    return bodies, catalogue


def attempt(body: dict[str, Any], catalogue: Catalogue) -> tuple[Definition | None, Sequence[Fault]]:
    """The definition, or why there is none."""
    try:
        return parse(body, catalogue), ()
    except BadDefinition as bad:
        return None, bad.faults
