"""A KPI narrowed to some of its facts, and split up by their fields: the same meaning over fewer facts at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import msgspec
from msgspec import structs

from services.kpi.domain.conditions import Condition, Fault, condition_faults, fields_named
from services.kpi.domain.definitions import BadDefinition, shaped
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.fields import ATTRIBUTE, Fields, is_attribute
from services.kpi.domain.measures import Average, Derived, Leaf, Measure, Ratio, Term, measures_of

FILTER_BYTES_MAX = 20_000
GROUP_FIELDS_MAX = 3
_SPLITTING = ("text", "boolean", "date")


def read_filter(text: str) -> Condition:
    """One condition, as a definition's ``where`` has it, from JSON. Raises BadDefinition."""
    try:
        return shaped(msgspec.json.decode(text), Condition, BadDefinition)
    except RecursionError as error:
        raise BadDefinition([Fault("/filter", "too-large", "nested too deep to be read")]) from error
    except (msgspec.DecodeError, UnicodeEncodeError) as error:
        raise BadDefinition([Fault("/filter", "shape", f"no condition: {error}")]) from error
    except BadDefinition as error:
        raise BadDefinition([replace(f, pointer=f"/filter{f.pointer}") for f in error.faults]) from error


def narrowed(term: Term, where: Condition, custom: Mapping[str, FieldType]) -> Term:
    """The KPI of only those facts that the condition picks, in each of its measures. Raises BadDefinition."""
    faults = [f for m in _kinds(term) for f in condition_faults(where, _fields(m, custom), "/filter")]
    if faults:
        raise BadDefinition(list(dict.fromkeys(faults)))
    return _narrowed(term, where, custom)


def check_split(term: Term, by: Sequence[str], custom: Mapping[str, FieldType]) -> None:
    """Whether each of the KPI's measures can be split up by these fields. Raises BadDefinition."""
    faults = list(dict.fromkeys(_split_faults(term, by, custom)))
    if faults:
        raise BadDefinition(faults)


def _split_faults(term: Term, by: Sequence[str], custom: Mapping[str, FieldType]) -> Iterator[Fault]:
    if len(set(by)) != len(by) or len(by) > GROUP_FIELDS_MAX:
        yield Fault("/group_by", "shape", f"at most {GROUP_FIELDS_MAX} fields, each once")
    for measure in _kinds(term):
        fields = _fields(measure, custom)
        for name in by:
            if (kind := fields.type(name)) is None:
                yield Fault("/group_by", "unknown-field", f"{fields.kind.name} has no field {name!r}")
            elif kind not in _SPLITTING:
                yield Fault("/group_by", "type", f"{name} is a {kind}: split by a text, a date or a boolean")


def _narrowed(term: Term, where: Condition, custom: Mapping[str, FieldType]) -> Term:
    match term:
        case Leaf() | Average():
            return _part(term, where, custom)
        case Ratio(numerator, denominator):
            return Ratio(_part(numerator, where, custom), _part(denominator, where, custom))
        case Derived(_, parts):
            return replace(term, parts={key: _narrowed(part, where, custom) for key, part in parts.items()})
    return replace(term, of=_narrowed(term.of, where, custom))


def _part(part: Leaf | Average, where: Condition, custom: Mapping[str, FieldType]) -> Leaf | Average:
    if isinstance(part, Leaf):
        return Leaf(_measure(part.measure, where, custom))
    return Average(_measure(part.total, where, custom), _measure(part.count, where, custom))


def _measure(measure: Measure, where: Condition, custom: Mapping[str, FieldType]) -> Measure:
    names = {n.removeprefix(ATTRIBUTE) for n in fields_named([where]) if is_attribute(n)}
    typed = dict(measure.custom) | {n: custom[n] for n in names if custom.get(n, "text") != "text"}
    aggregate = structs.replace(measure.aggregate, where=(*measure.aggregate.where, where))
    return replace(measure, aggregate=aggregate, custom=tuple(sorted(typed.items())))


def _kinds(term: Term) -> list[Measure]:
    """A measure of each kind of fact that the KPI stands on."""
    return list({m.over: m for m in measures_of(term)}.values())


def _fields(measure: Measure, custom: Mapping[str, FieldType]) -> Fields:
    return Fields(measure.fields.kind, custom)
