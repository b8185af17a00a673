"""What a definition stands on: measures, each an aggregate over filtered facts, and how their numbers become one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import msgspec
from msgspec import structs

from services.kpi.domain import expressions
from services.kpi.domain.conditions import Condition, fields_named
from services.kpi.domain.definitions import Aggregate, Catalogue, Compare, Definition
from services.kpi.domain.expressions import Expression
from services.kpi.domain.fact_kinds import FACT_KINDS, FactKind, FieldType
from services.kpi.domain.fields import ATTRIBUTE, Fields, is_attribute

ENTRY_KIND = "entry_kind"
Place = tuple[str, str, str]
"""Where a key is counted: its subject, as kind and name, and the key itself; places have an order."""
Counted = tuple[int, Place | None]
"""For how many facts the keys of a set are counted (0: their first ever), and where: before a place, or everywhere."""


@dataclass(frozen=True)
class Family:
    """The facts that one pass can fold: of a kind, put into periods by the same dates."""

    over: str
    time: str
    until: str | None
    custom: tuple[tuple[str, FieldType], ...] = ()

    @property
    def name(self) -> str:
        """What a mark says of where facts changed: ``order day``, ``opportunity opened_at until closed_at``."""
        return f"{self.over} {self.time}" + (f" until {self.until}" if self.until else "")

    @property
    def kind(self) -> FactKind:
        return FACT_KINDS[self.over]

    @property
    def fields(self) -> Fields:
        return Fields(self.kind, dict(self.custom))


@dataclass(frozen=True)
class Measure:
    """An aggregate over the facts that its filter picks. ``until`` is set for a stock: then ``time`` lets facts in.

    ``custom``: the types of the attributes that it speaks of. Equal content has an equal ``id``, whatever its KPI.
    ``reached``: it is being made, and only facts of objects until this id count yet; None: all do.
    """

    over: str
    time: str
    until: str | None
    aggregate: Aggregate
    custom: tuple[tuple[str, FieldType], ...] = ()
    reached: str | None = None

    def __hash__(self) -> int:
        return hash(self.id)

    @cached_property
    def id(self) -> str:
        return _digest((self.over, self.time, self.until, self.aggregate, self.custom))

    @property
    def fields(self) -> Fields:
        return Fields(FACT_KINDS[self.over], dict(self.custom))

    @property
    def family(self) -> Family:
        custom = tuple((n, t) for n, t in self.custom if f"{ATTRIBUTE}{n}" in (self.time, self.until))
        return Family(self.over, self.time, self.until, custom)

    @property
    def additive(self) -> bool:
        """Whether days add up: then it is kept as slices."""
        return self.aggregate.measure in ("sum", "count")

    @property
    def key_set(self) -> KeySet | None:
        """The set that counts it, if it counts the different values of a field: they come back on other days."""
        a = self.aggregate
        if self.until is not None or a.measure not in ("count_distinct", "count_entities") or a.field is None:
            return None
        return KeySet(replace(self, aggregate=Aggregate("count_distinct", a.field, where=a.where)))

    @property
    def at_least(self) -> int:
        """How many facts make a value of the field count; 0: its first ever does."""
        return 0 if self.aggregate.first else self.aggregate.at_least or 1


@dataclass(frozen=True)
class KeySet:
    """The different values of a field among filtered facts, which several measures may count in their own ways."""

    distinct: Measure

    @property
    def id(self) -> str:
        return self.distinct.id

    def until(self, reached: Mapping[str, str | None]) -> KeySet:
        """The same of objects until an id only, by kind of fact (None: of all)."""
        return KeySet(replace(self.distinct, reached=reached.get(self.distinct.over)))


@dataclass(frozen=True)
class Leaf:
    """A measure's own number."""

    measure: Measure


@dataclass(frozen=True)
class Average:
    """A sum over how many there were."""

    total: Measure
    count: Measure


@dataclass(frozen=True)
class Ratio:
    """One number over another."""

    numerator: Leaf | Average
    denominator: Leaf | Average


@dataclass(frozen=True)
class Derived:
    """Arithmetic over other KPIs."""

    expression: Expression
    parts: Mapping[str, Term]


@dataclass(frozen=True)
class Growth:
    """Another KPI against itself."""

    of: Term
    compare: Compare


Term = Leaf | Average | Ratio | Derived | Growth
"""How a KPI's value comes from measures over windows (domain.values calculates it)."""


def term_of(definition: Definition, catalogue: Catalogue) -> Term:
    """What a definition without faults means. ``catalogue`` has every KPI that it names."""
    match definition.kind:
        case "growth":
            of = catalogue.definitions[definition.of or ""]
            return Growth(term_of(of, catalogue), definition.compare or "previous_period")
        case "derived":
            read = expressions.parse(definition.expression or "")
            return Derived(
                read, {k: term_of(catalogue.definitions[k], catalogue) for k in dict.fromkeys(expressions.refs(read))}
            )
        case "ratio":
            assert definition.numerator
            assert definition.denominator
            return Ratio(
                _aggregated(definition, definition.numerator, catalogue),
                _aggregated(definition, definition.denominator, catalogue),
            )
    return _aggregated(definition, definition.aggregate, catalogue)


def measures_of(term: Term) -> Iterator[Measure]:
    """Every measure that a term stands on, each as often as it does."""
    match term:
        case Leaf(measure):
            yield measure
        case Average(total, count):
            yield from (total, count)
        case Ratio(numerator, denominator):
            yield from (*measures_of(numerator), *measures_of(denominator))
        case Derived(expression, parts):
            for key in expressions.refs(expression):
                yield from measures_of(parts[key])
        case Growth(of):
            yield from (*measures_of(of), *measures_of(of))


def _aggregated(definition: Definition, part: Aggregate, catalogue: Catalogue) -> Leaf | Average:
    assert definition.over
    where = _counted(FACT_KINDS[definition.over], part, (*definition.where, *part.where))
    there = Condition(field=part.field, operator="set")
    if part.measure in ("count_distinct", "count_entities"):  # what is not there is no value: it need not be said
        where = tuple(c for c in where if c != there)
    if part.measure != "average":
        return Leaf(_measure(definition, structs.replace(part, where=where), catalogue))
    return Average(
        _measure(definition, Aggregate("sum", part.field, where=where), catalogue),
        _measure(definition, Aggregate("count", where=(*where, there)), catalogue),
    )


def _counted(kind: FactKind, part: Aggregate, where: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Refunds and the like only add to sums of what they take away themselves; any other measure is of what counts,
    and so is a sum of the company's own field, which they repeat. A filter may say otherwise."""
    takes_away = part.measure == "sum" and not is_attribute(part.field)
    if kind.counted is None or takes_away or ENTRY_KIND in fields_named(where):
        return where
    return (Condition(field=ENTRY_KIND, operator="eq", value=kind.counted), *where)


def _measure(definition: Definition, aggregate: Aggregate, catalogue: Catalogue) -> Measure:
    assert definition.over
    default = next(iter(FACT_KINDS[definition.over].anchors))
    time = definition.begins or definition.time or default
    named = {*fields_named(aggregate.where), aggregate.field, time, definition.until}
    names = sorted(str(n).removeprefix(ATTRIBUTE) for n in named if is_attribute(n))
    types = catalogue.types(definition)
    custom = tuple((n, types[n]) for n in names if types.get(n, "text") != "text")
    return Measure(definition.over, time, definition.until, aggregate, custom)


def _digest(content: object) -> str:
    return hashlib.blake2b(msgspec.json.encode(content, order="sorted"), digest_size=8).hexdigest()
