"""The definitions in force, what each means, and what has to be kept of the facts so that their values are at hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from services.kpi.domain.definitions import Catalogue, Definition, Published
from services.kpi.domain.errors import KpiNotFound
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.measures import Counted, Family, KeySet, Measure, Place, Term, measures_of, term_of


@dataclass(frozen=True)
class KeptKeys:
    """A key set that is kept, and for how many facts its keys are counted (0: their first ever): each time where,
    before a place or everywhere (None)."""

    key_set: KeySet
    counted: tuple[Counted, ...]

    @property
    def thresholds(self) -> tuple[int, ...]:
        return tuple(at_least for at_least, _ in self.counted)

    def lacking(self, before: KeptKeys | None) -> KeptKeys:
        """The same with the thresholds only that it is not counted for before."""
        known = before.thresholds if before else ()
        return replace(self, counted=tuple(c for c in self.counted if c[0] not in known))

    def before(self, place: Place | None) -> KeptKeys:
        """The same, counted before a place only (None: everywhere)."""
        return replace(self, counted=tuple((at_least, place) for at_least in self.thresholds))

    def beside(self, other: KeptKeys | None) -> KeptKeys:
        """The same, counted besides for the thresholds of the other."""
        return replace(self, counted=tuple(sorted((*self.counted, *(other.counted if other else ())))))


@dataclass(frozen=True)
class Kept:
    """What is kept of facts: slices by family, and key sets. A family without slices is there for its marks."""

    slices: Mapping[Family, tuple[Measure, ...]] = field(default_factory=dict)
    keys: Mapping[str, KeptKeys] = field(default_factory=dict)

    @cached_property
    def measure_ids(self) -> frozenset[str]:
        """The measures whose slices are kept."""
        return frozenset(m.id for measures in self.slices.values() for m in measures)

    def of(self, over: str) -> Kept:
        """What is kept of one kind of fact."""
        slices = {f: measures for f, measures in self.slices.items() if f.over == over}
        return Kept(slices, {i: k for i, k in self.keys.items() if k.key_set.distinct.over == over})

    def lacking(self, before: Kept) -> Kept:
        """What is kept here and not before: measures that add up, whole sets, and further thresholds of known ones."""
        added = {f: tuple(m for m in some if m.id not in before.measure_ids) for f, some in self.slices.items()}
        keys = {i: kept.lacking(before.keys.get(i)) for i, kept in self.keys.items()}
        return Kept({f: some for f, some in added.items() if some}, {i: k for i, k in keys.items() if k.counted})

    def made_until(self, reached: Mapping[str, str | None], counted: Mapping[str, Place | None]) -> Kept:
        """The same of objects until an id only, by kind of fact (None: of all), and with keys counted before a place
        only, by set."""
        slices = {f: tuple(replace(m, reached=reached[f.over]) for m in some) for f, some in self.slices.items()}
        keys = {i: replace(k.before(counted[i]), key_set=k.key_set.until(reached)) for i, k in self.keys.items()}
        return Kept(slices, keys)

    def beside(self, other: Kept) -> Kept:
        """Both, where neither keeps what the other does."""
        families = sorted({**self.slices, **other.slices}, key=lambda f: f.name)
        slices = {f: (*self.slices.get(f, ()), *other.slices.get(f, ())) for f in families}
        return Kept(slices, {**other.keys, **{i: kept.beside(other.keys.get(i)) for i, kept in self.keys.items()}})

    @cached_property
    def overs(self) -> list[str]:
        """The kinds of facts that something is kept of."""
        of_keys = {k.key_set.distinct.over for k in self.keys.values()}
        return sorted({f.over for f, some in self.slices.items() if some} | of_keys)

    def counts(self, measure: Measure) -> bool:
        """Whether the measure's key set is kept, and counted in the measure's way."""
        found = self.keys.get(measure.key_set.id) if measure.key_set else None
        return found is not None and measure.at_least in found.thresholds


@dataclass(frozen=True)
class InForce:
    """The version of every definition that holds on a day, by key, with the types of the company's own fields as
    declared by now.

    ``fiscal_month``: the first month of the fiscal year; ``currency``: the reporting currency.
    """

    published: Mapping[str, Published]
    custom: Mapping[str, FieldType] = field(default_factory=dict)
    fiscal_month: int = 1
    currency: str = "USD"

    def version_of(self, key: str) -> Published:
        """The version of a key that is in force. Raises KpiNotFound."""
        if key not in self.published:
            raise KpiNotFound(f"no KPI {key!r} is published")
        return self.published[key]

    @property
    def shift(self) -> int:
        """By how many months the fiscal year begins later than the calendar's."""
        return self.fiscal_month - 1

    @cached_property
    def catalogue(self) -> Catalogue:
        definitions = {key: p.definition for key, p in self.published.items()}
        return Catalogue(definitions, self.custom, {key: p.custom for key, p in self.published.items()})

    @cached_property
    def terms(self) -> Mapping[str, Term]:
        """What each means, by key."""
        return {key: term_of(d, self.catalogue) for key, d in self.catalogue.definitions.items()}

    @cached_property
    def families(self) -> Mapping[str, frozenset[str]]:
        """The names of the families of facts that each stands on, by key."""
        return {key: frozenset(m.family.name for m in measures_of(term)) for key, term in self.terms.items()}

    @cached_property
    def kept(self) -> Kept:
        """What is kept for all of them."""
        return kept_for(self.terms.values())

    def having(self, published: Published) -> InForce:
        """The same with this version in the place of the one of its key."""
        return replace(self, published={**self.published, published.definition.key: published})


def custom_of(definition: Definition, catalogue: Catalogue) -> dict[str, FieldType]:
    """The types of the company's own fields that a definition itself speaks of; those of others it leaves to them."""
    own = measures_of(term_of(definition, catalogue)) if definition.over else ()
    return {name: type_ for measure in own for name, type_ in measure.custom}


def kept_for(terms: Iterable[Term]) -> Kept:
    """What has to be kept for some KPIs, in an order that does not depend on theirs."""
    measures = {m.id: m for term in terms for m in measures_of(term)}
    slices: dict[Family, tuple[Measure, ...]] = {}
    thresholds: dict[str, set[int]] = {}
    sets: dict[str, KeySet] = {}
    for _, measure in sorted(measures.items()):
        slices[measure.family] = (*slices.get(measure.family, ()), *((measure,) if measure.additive else ()))
        if key_set := measure.key_set:
            sets[key_set.id] = key_set
            thresholds.setdefault(key_set.id, set()).add(measure.at_least)
    return Kept(
        dict(sorted(slices.items(), key=lambda item: item[0].name)),
        {i: KeptKeys(sets[i], tuple((n, None) for n in sorted(thresholds[i]))) for i in sorted(sets)},
    )
