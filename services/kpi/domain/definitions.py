"""KPI definitions as data: what a KPI is, checked with a pointer per fault, and the measures that it stands on."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from services.kpi.domain.conditions import ANCHORS, FACTS, Condition, Fault, Operator, conditions_faults, field_type

Key = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{0,63}(?![\s\S])")]
Label = dict[Literal["en", "zh"], Annotated[str, Meta(min_length=1, max_length=200)]]


class Aggregate(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """How facts become a number: ``sum`` of a decimal field, ``count`` of facts, ``count_distinct`` of a field."""

    measure: Literal["sum", "count", "count_distinct"]
    field: str | None = None
    where: list[Condition] = []


class Definition(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    """A KPI: ``simple`` is an aggregate, ``ratio`` one over another, ``growth`` of another over its period before.

    Units: ``percent`` is a part (0.5 is 50 %), ``days`` and ``duration`` (seconds) are exact numbers.
    """

    key: Key
    label: Label
    kind: Literal["simple", "ratio", "growth"]
    unit: Literal["money", "count", "days", "duration", "percent", "score"]
    direction: Literal["up", "down"]
    objective: Annotated[str, Meta(max_length=500)] | None = None
    owner: Annotated[str, Meta(max_length=200)] | None = None
    over: str | None = None
    where: list[Condition] = []
    time: str | None = None
    measure: Literal["sum", "count", "count_distinct"] | None = None
    field: str | None = None
    numerator: Aggregate | None = None
    denominator: Aggregate | None = None
    of: Key | None = None


_CHOICES: dict[str, tuple[str, ...]] = {
    "operator": get_args(Operator),
    "measure": ("sum", "count", "count_distinct"),
    "kind": ("simple", "ratio", "growth"),
    "unit": ("money", "count", "days", "duration", "percent", "score"),
    "direction": ("up", "down"),
}


@dataclass
class BadDefinition(Exception):
    """A definition that cannot work, with all its faults."""

    faults: Sequence[Fault]

    def __str__(self) -> str:
        return "the definition cannot work: " + "; ".join(f"{f.pointer}: {f.detail}" for f in self.faults)


@dataclass(frozen=True, slots=True)
class Published:
    """A version of a definition and the decision that put it in force."""

    definition: Definition
    version: int
    published_at: dt.datetime
    published_by: str


@dataclass(frozen=True)
class Measure:
    """An aggregate over filtered facts: what is kept as slices when additive. Equal content has an equal ``id``."""

    over: str
    time: str
    aggregate: Aggregate

    @property
    def id(self) -> str:
        content = msgspec.json.encode((self.over, self.time, self.aggregate), order="sorted")
        return hashlib.blake2b(content, digest_size=8).hexdigest()

    @property
    def additive(self) -> bool:
        """Whether days add up: never so for distinct counts of anything that can come back another day."""
        return self.aggregate.measure != "count_distinct"


def parse(body: Any, known: Mapping[str, Definition]) -> Definition:
    """A definition from plain data. ``known``: the published ones by key. Raises BadDefinition with every fault."""
    try:
        definition = msgspec.convert(body, Definition)
    except msgspec.ValidationError as error:
        raise BadDefinition([_shape_fault(str(error))]) from error
    if faults := list(_faults(definition, known)):
        raise BadDefinition(faults)
    return definition


def _shape_fault(text: str) -> Fault:
    """The validator's one sentence, with its place as a pointer and in words for someone who writes definitions."""
    said, _, path = text.partition(" - at `$")
    where = path.rstrip("`").replace("[", "/").replace("]", "").replace(".", "/")
    name = where.rpartition("/")[2]
    if found := re.fullmatch(r"Object missing required field `(\w+)`", said):
        return Fault(f"{where}/{found[1]}", "missing", f"{found[1]} is missing")
    if found := re.fullmatch(r"Object contains unknown field `(\w+)`", said):
        return Fault(f"{where}/{found[1]}", "unknown-field", f"there is no {found[1]} here")
    if said.startswith("Invalid enum value") and name in _CHOICES:
        return Fault(
            where, "shape", f"{said.removeprefix('Invalid enum value ')} is none of {', '.join(_CHOICES[name])}"
        )
    return Fault(where, "shape", "lower-case letters, digits and _ only, at most 64" if name in ("key", "of") else said)


def measures(definition: Definition, known: Mapping[str, Definition]) -> tuple[Measure, ...]:
    """What a definition's value is made of: one measure for simple, two for a ratio, those of ``of`` for growth."""
    match definition.kind:
        case "growth":
            return measures(known[definition.of or ""], known)
        case "ratio":
            assert definition.numerator
            assert definition.denominator
            return _measure(definition, definition.numerator), _measure(definition, definition.denominator)
    assert definition.measure
    return (_measure(definition, Aggregate(definition.measure, definition.field)),)


def _measure(definition: Definition, part: Aggregate) -> Measure:
    assert definition.over
    where = [*definition.where, *part.where]
    time = definition.time or ANCHORS[definition.over][0]
    return Measure(definition.over, time, Aggregate(part.measure, part.field, where))


def _faults(d: Definition, known: Mapping[str, Definition]) -> Iterable[Fault]:
    parts = {"simple": ("over", "measure"), "ratio": ("over", "numerator", "denominator"), "growth": ("of",)}[d.kind]
    optional = {"simple": ("where", "time", "field"), "ratio": ("where", "time"), "growth": ()}[d.kind]
    for name in ("over", "measure", "field", "where", "time", "numerator", "denominator", "of"):
        given = bool(getattr(d, name))
        if given and name not in (*parts, *optional):
            yield Fault(f"/{name}", "not-for-this-kind", f"a {d.kind} KPI has no {name}")
        if not given and name in parts:
            yield Fault(f"/{name}", "missing", f"a {d.kind} KPI needs {name}")
    if d.kind == "growth":
        yield from _growth_faults(d, known)
    elif d.over is not None:
        yield from _fact_faults(d, d.over)


def _growth_faults(d: Definition, known: Mapping[str, Definition]) -> Iterable[Fault]:
    base = known.get(d.of or "")
    if d.of and (base is None or base.kind == "growth" or d.of == d.key):
        yield Fault("/of", "unknown-kpi", f"{d.of!r} is no published KPI that can grow")
    if d.unit != "percent":
        yield Fault("/unit", "unit", "growth is a part of the period before: its unit is percent")


def _fact_faults(d: Definition, over: str) -> Iterable[Fault]:
    if over not in FACTS:
        yield Fault("/over", "unknown-fact", f"{over!r} is none of {', '.join(FACTS)}")
        return
    if d.time is not None and d.time not in ANCHORS[over]:
        yield Fault("/time", "unknown-anchor", f"{d.time!r} is none of {', '.join(ANCHORS[over])}")
    yield from conditions_faults(d.where, over, "/where")
    if d.measure:
        yield from _aggregate_faults(Aggregate(d.measure, d.field), over, "", d.unit)
    for name, part in (("numerator", d.numerator), ("denominator", d.denominator)):
        if part:
            yield from _aggregate_faults(part, over, f"/{name}", None)
            yield from conditions_faults(part.where, over, f"/{name}/where")
    if d.kind == "ratio" and d.unit == "money" and (d.numerator is None or d.numerator.measure != "sum"):
        yield Fault("/unit", "unit", "a ratio is money only if its numerator is a sum")


def _aggregate_faults(part: Aggregate, over: str, at: str, unit: str | None) -> Iterable[Fault]:
    kind = field_type(over, part.field) if part.field else None
    if part.measure == "count" and part.field:
        yield Fault(f"{at}/field", "not-for-count", "count counts facts: it has no field")
    if part.measure != "count" and not part.field:
        yield Fault(f"{at}/field", "missing", f"{part.measure} needs a field")
    if part.field and kind is None:
        yield Fault(f"{at}/field", "unknown-field", f"{over} has no field {part.field!r}")
    if part.measure == "sum" and kind not in (None, "decimal"):
        yield Fault(f"{at}/field", "type", f"{part.field} is no decimal: it cannot be summed")
    if unit is not None and (unit == "money") != (part.measure == "sum"):
        yield Fault("/unit", "unit", f"a {part.measure} is no {unit}")
