"""What is wrong with a definition: each fault with a pointer into it, so that a form can show it where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from services.kpi.domain import expressions, units
from services.kpi.domain.conditions import Fault, conditions_faults
from services.kpi.domain.definitions import Aggregate, BadDefinition, Catalogue, Definition, Kind, read
from services.kpi.domain.expressions import BadExpression
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.fields import Fields
from services.kpi.domain.measures import measures_of, term_of
from services.kpi.domain.units import Units

MEASURES_MAX = 64
"""How many measures one KPI may stand on, through all the KPIs that it names."""
AT_LEAST_MAX = 1_000
_NEEDS: Mapping[Kind, tuple[str, ...]] = {
    "simple": ("over", "measure"),
    "ratio": ("over", "numerator", "denominator"),
    "derived": ("expression",),
    "growth": ("of",),
    "stock": ("over", "measure", "begins", "until"),
}
_MAY: Mapping[Kind, tuple[str, ...]] = {
    "simple": ("where", "time", "field", "percentile", "at_least", "first"),
    "ratio": ("where", "time"),
    "derived": (),
    "growth": ("compare",),
    "stock": ("where", "field", "percentile", "at_least"),
}
_NAMES = {"begins": "from"}
_PARTS = dict.fromkeys(name for names in (*_NEEDS.values(), *_MAY.values()) for name in names)


def parse(body: Any, catalogue: Catalogue) -> Definition:
    """A definition from plain data, for a place in the catalogue. Raises BadDefinition with every fault."""
    definition = read(body)
    beside = catalogue.having(definition)
    found = list(faults(definition, beside)) or list(_faults_of_others(definition, beside))
    if found:
        raise BadDefinition(found)
    return definition


def faults(d: Definition, catalogue: Catalogue) -> Iterable[Fault]:
    """Why a definition cannot work in its place in a catalogue; none for one that can."""
    for name in _PARTS:
        given, needed = bool(getattr(d, name)), name in _NEEDS[d.kind]
        if given and not needed and name not in _MAY[d.kind]:
            yield Fault(f"/{_NAMES.get(name, name)}", "not-for-this-kind", f"a {d.kind} KPI has no {name}")
        if needed and not given:
            yield Fault(f"/{_NAMES.get(name, name)}", "missing", f"a {d.kind} KPI needs {_NAMES.get(name, name)}")
    if d.kind in ("derived", "growth"):
        yield from _reference_faults(d, catalogue)
    elif d.over is not None and d.over not in FACT_KINDS:
        yield Fault("/over", "unknown-fact", f"{d.over!r} is none of {', '.join(FACT_KINDS)}")
    elif d.over is not None:
        yield from _fact_faults(d, catalogue.fields(d))


def refs(d: Definition) -> list[str]:
    """The KPIs that a definition names; of an expression that cannot be read, none."""
    try:
        named = list(expressions.refs(expressions.parse(d.expression))) if d.expression else []
    except BadExpression:
        named = []
    return list(dict.fromkeys([*named, *([d.of] if d.of else [])]))


def dependants(key: str, catalogue: Catalogue) -> list[Definition]:
    """The KPIs that stand on a key, directly or through others, the nearest first."""
    found: dict[str, Definition] = {}
    near = [key]
    while near:
        above = [d for k, d in catalogue.definitions.items() if k not in found and set(refs(d)) & set(near)]
        found |= {d.key: d for d in above}
        near = [d.key for d in above]
    found.pop(key, None)
    return list(found.values())


def _faults_of_others(d: Definition, catalogue: Catalogue) -> Iterator[Fault]:
    """What another KPI that stands on this one could not bear."""
    for other in dependants(d.key, catalogue):
        for fault in faults(other, catalogue):
            yield Fault("", "in-use", f"{other.key} stands on it: {fault.detail}")


def _reference_faults(d: Definition, catalogue: Catalogue) -> Iterator[Fault]:
    at = "/of" if d.kind == "growth" else "/expression"
    if d.kind == "growth" and d.unit != "percent":
        yield Fault("/unit", "unit", "growth is a part of what was before: its unit is percent")
    missing = [key for key in refs(d) if key not in catalogue.definitions]
    yield from (Fault(at, "unknown-kpi", f"no KPI {key!r} is published") for key in missing)
    circle = None if missing else _circle(d, catalogue)
    if circle:
        yield Fault(at, "cycle", f"it would stand on itself: {' -> '.join(circle)}")
    if d.expression and not missing and not circle:
        yield from _expression_faults(d, d.expression, catalogue)
    elif d.of and not missing and not circle:
        yield from _size_faults(d, at, catalogue)


def _circle(d: Definition, catalogue: Catalogue) -> list[str] | None:
    """The way from a KPI back to itself, if there is one."""
    ways, seen = [[d.key]], set[str]()
    while ways:
        way = ways.pop()
        for key in refs(catalogue.definitions[way[-1]]):
            if key == d.key:
                return [*way, key]
            if key not in seen:
                seen.add(key)
                ways.append([*way, key])
    return None


def _expression_faults(d: Definition, text: str, catalogue: Catalogue) -> Iterator[Fault]:
    try:
        expression = expressions.parse(text)
        known = {key: frozenset({catalogue.definitions[key].unit}) for key in expressions.refs(expression)}
        if not known:
            yield Fault("/expression", "no-kpi", "a derived KPI names at least one other")
            return
        found = expressions.units_of(expression, known)
    except BadExpression as error:
        yield Fault("/expression", "expression", str(error))
        return
    yield from _unit_faults(d, found, "the expression")
    yield from _size_faults(d, "/expression", catalogue)


def _size_faults(d: Definition, at: str, catalogue: Catalogue) -> Iterator[Fault]:
    stands_on = sum(1 for _ in measures_of(term_of(d, catalogue)))
    if stands_on > MEASURES_MAX:
        yield Fault(at, "too-large", f"it stands on {stands_on} measures, and may on {MEASURES_MAX}")


def _fact_faults(d: Definition, fields: Fields) -> Iterator[Fault]:
    for name in ("time", "begins", "until"):
        anchor = getattr(d, name)
        if anchor is not None and not fields.anchor(anchor):
            known = ", ".join(fields.kind.anchors)
            told = f"{anchor!r} is none of {known}{fields.hint(anchor)}"
            yield Fault(f"/{_NAMES.get(name, name)}", "unknown-anchor", told)
    if d.begins is not None and d.begins == d.until:
        yield Fault("/until", "same-anchor", "a stock needs one date that lets facts in and another that lets them out")
    yield from conditions_faults(d.where, fields, "/where")
    if d.measure and "measure" in _NEEDS[d.kind]:
        yield from _aggregate_faults(d.aggregate, fields, "")
        yield from _unit_faults(d, _units_of(d.aggregate, fields), d.measure)
    for name, part in (("numerator", d.numerator), ("denominator", d.denominator)):
        if part and name in _NEEDS[d.kind]:
            yield from _aggregate_faults(part, fields, f"/{name}")
            yield from conditions_faults(part.where, fields, f"/{name}/where")
    if d.numerator and d.denominator and d.kind == "ratio":
        over, under = _units_of(d.numerator, fields), _units_of(d.denominator, fields)
        yield from _unit_faults(
            d, units.divided(over, under), f"a {d.numerator.measure} over a {d.denominator.measure}"
        )


def _aggregate_faults(part: Aggregate, fields: Fields, at: str) -> Iterator[Fault]:
    kind = fields.type(part.field)
    if part.measure == "count" and part.field:
        yield Fault(f"{at}/field", "not-for-count", "count counts facts: it has no field")
    if part.measure != "count" and not part.field:
        yield Fault(f"{at}/field", "missing", f"{part.measure} needs a field")
    if part.field and kind is None:
        yield Fault(f"{at}/field", "unknown-field", f"{fields.kind.name} has no field {part.field!r}")
    if part.measure not in ("count", "count_distinct", "count_entities") and kind not in (None, "decimal"):
        told = f"{part.field} is no decimal: it has no {part.measure}{fields.hint(part.field)}"
        yield Fault(f"{at}/field", "type", told)
    yield from _parameter_faults(part, at)


def _parameter_faults(part: Aggregate, at: str) -> Iterator[Fault]:
    if part.measure != "percentile" and part.percentile is not None:
        yield Fault(f"{at}/percentile", "not-for-this-measure", f"a {part.measure} has no percentile")
    if part.measure == "percentile" and (part.percentile is None or not 0 < Decimal(part.percentile) < 100):
        yield Fault(f"{at}/percentile", "bounds", "between 0 and 100: 50 is the median; the ends are min and max")
    if part.measure != "count_entities":
        for name in ("at_least", "first"):
            if getattr(part, name):
                yield Fault(f"{at}/{name}", "not-for-this-measure", f"a {part.measure} has no {name}")
    elif part.first == (part.at_least is not None):
        yield Fault(f"{at}/at_least", "shape", "count_entities needs either at_least: n or first: true")
    elif part.at_least is not None and not 1 <= part.at_least <= AT_LEAST_MAX:
        yield Fault(f"{at}/at_least", "bounds", f"from 1 to {AT_LEAST_MAX}")


def _units_of(part: Aggregate, fields: Fields) -> Units:
    if part.measure in ("count", "count_distinct", "count_entities"):
        return frozenset({"count"})
    return fields.units(part.field or "")


def _unit_faults(d: Definition, found: Units, what: str) -> Iterator[Fault]:
    if d.unit not in found:
        can = f"it is {' or '.join(sorted(found))}" if found else "it has no unit"
        yield Fault("/unit", "unit", f"{what} is no {d.unit}: {can}")
