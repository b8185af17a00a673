"""Filters over facts as data: drawn by a form, checked with a pointer per fault."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.fields import Fields

CONDITIONS_MAX, NESTING_MAX, VALUES_MAX = 50, 5, 1_000
ALL_CONDITIONS_MAX = 200
"""In one filter, however they are nested."""
DECIMAL = r"-?[0-9]{1,20}(\.[0-9]{1,10})?"
"""A decimal as text, for Python's and for PostgreSQL's regular expressions."""

Operator = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "set", "not_set"]
DecimalText = Annotated[str, Meta(pattern=rf"^{DECIMAL}(?![\s\S])")]
Instant = Annotated[dt.datetime, Meta(tz=True)]
_HOW = {
    "decimal": ": at most 20 digits before the point and 10 after it, as text",
    "date": " such as 2026-03-31",
    "instant": " such as 2026-03-31T09:30:00+08:00, in the years 1 to 9999 of UTC",
}
_ORDERED = {"lt", "lte", "gt", "gte"}


class Condition(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"all_of": "and", "any_of": "or", "none_of": "not"},
):
    """One comparison (``field`` with ``operator`` and ``value``, ``values`` or ``field2``), or and/or/not over others.

    A comparison with a missing field is false. Text is compared by code point, instants with an offset.
    """

    field: str | None = None
    operator: Operator | None = None
    value: str | bool | None = None
    values: tuple[str, ...] | None = None
    field2: str | None = None
    all_of: tuple[Condition, ...] | None = None
    any_of: tuple[Condition, ...] | None = None
    none_of: Condition | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a definition: where (JSON pointer), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str


def conditions_faults(conditions: Sequence[Condition], fields: Fields, at: str) -> Iterator[Fault]:
    """Everything wrong with the conditions of a definition: unknown fields and operators that do not fit, too many, too
    deep."""
    yield from _too_many(conditions, at) or _faults_of_all(conditions, fields, at, 1)


def condition_faults(condition: Condition, fields: Fields, at: str) -> Iterator[Fault]:
    """The same of a filter, which is one condition."""
    yield from _too_many([condition], at) or _faults(condition, fields, at, 1)


def _too_many(conditions: Sequence[Condition], at: str) -> list[Fault]:
    if (count := conditions_in(conditions)) <= ALL_CONDITIONS_MAX:
        return []
    return [Fault(at, "too-large", f"{count} conditions altogether, of {ALL_CONDITIONS_MAX} at most")]


def _faults_of_all(conditions: Sequence[Condition], fields: Fields, at: str, depth: int) -> Iterator[Fault]:
    if len(conditions) > CONDITIONS_MAX:
        yield Fault(at, "too-large", f"{len(conditions)} conditions beside each other, of {CONDITIONS_MAX} at most")
        return
    for i, c in enumerate(conditions):
        yield from _faults(c, fields, f"{at}/{i}", depth)


def _faults(c: Condition, fields: Fields, at: str, depth: int) -> Iterator[Fault]:
    if c.all_of is None and c.any_of is None and c.none_of is None:
        yield from _comparison_faults(c, fields, at)
    elif depth == NESTING_MAX:
        yield Fault(at, "too-large", f"conditions are nested {NESTING_MAX} deep at most")
    else:
        yield from _faults_of_all(c.all_of or (), fields, f"{at}/and", depth + 1)
        yield from _faults_of_all(c.any_of or (), fields, f"{at}/or", depth + 1)
        if c.none_of is not None:
            yield from _faults(c.none_of, fields, f"{at}/not", depth + 1)
        if sum(x is not None for x in (c.all_of, c.any_of, c.none_of, c.field, c.operator)) != 1:
            yield Fault(at, "shape", "one of and, or, not, or a comparison: not two of them")


def conditions_in(conditions: Iterable[Condition]) -> int:
    """How many conditions a filter has, however they are nested, and however deep."""
    found, waiting = 0, list(conditions)
    while waiting:
        found += 1
        waiting += _inner(waiting.pop())
    return found


def fields_named(conditions: Iterable[Condition]) -> Iterator[str]:
    """Every field that a filter speaks of."""
    for c in conditions:
        yield from (name for name in (c.field, c.field2) if name)
        yield from fields_named(_inner(c))


def _inner(c: Condition) -> tuple[Condition, ...]:
    return (*(c.all_of or ()), *(c.any_of or ()), *((c.none_of,) if c.none_of else ()))


def _comparison_faults(c: Condition, fields: Fields, at: str) -> Iterable[Fault]:
    if c.field is None or c.operator is None:
        yield Fault(at, "shape", "a comparison needs field and operator")
        return
    kind = fields.type(c.field)
    if kind is None:
        yield Fault(f"{at}/field", "unknown-field", f"{fields.kind.name} has no field {c.field!r}")
        return
    wants = {"set": "", "not_set": "", "in": "values", "not_in": "values"}.get(c.operator, "value")
    given = [n for n in ("value", "values", "field2") if getattr(c, n) is not None]
    if given != ([wants] if wants else []) and not (wants == "value" and given == ["field2"]):
        yield Fault(at, "shape", f"{c.operator} needs {wants or 'nothing'} beside its field")
    if kind == "boolean" and c.operator in _ORDERED:
        yield Fault(f"{at}/operator", "type", f"{c.field} is true or false: neither comes before the other")
    if c.field2 is not None and fields.type(c.field2) != kind:
        yield Fault(
            f"{at}/field2", "type", f"{c.field2} is no {kind} field of {fields.kind.name}{fields.hint(c.field2)}"
        )
    if len(c.values or ()) > VALUES_MAX:
        yield Fault(f"{at}/values", "too-large", f"at most {VALUES_MAX} values")
    said = [(f"{at}/value", c.value), *((f"{at}/values/{n}", value) for n, value in enumerate(c.values or ()))]
    for place, value in said:
        if value is not None and not _fits(value, kind):
            yield Fault(place, "type", f"{value!r} is no {kind}{_HOW.get(kind, '')}{fields.hint(c.field)}")


def _fits(value: str | bool, kind: FieldType) -> bool:
    try:
        literal(value, kind)
    except ValueError:  # msgspec.ValidationError is one
        return False
    return True


def literal(value: str | bool, kind: FieldType) -> str | bool | Decimal | dt.date | dt.datetime:
    """What is written as a value of a field's type, as the database takes it: an instant in UTC, whose calendar has the
    years 1 to 9999. Raises ValueError for what is none.

    Whoever checks a filter and whoever makes SQL of it ask here, so that nothing is taken that cannot be counted.
    """
    if isinstance(value, bool) or kind == "boolean":
        if isinstance(value, bool) and kind == "boolean":
            return value
        raise ValueError(f"{value!r} is no {kind}")
    if kind == "decimal":
        return Decimal(msgspec.convert(value, DecimalText))
    if kind == "date":
        return msgspec.convert(value, dt.date)
    if kind == "instant":
        try:
            return msgspec.convert(value, Instant).astimezone(dt.UTC)
        except OverflowError as error:
            raise ValueError(f"{value!r} is not within the years 1 to 9999 of UTC") from error
    if not storable(value):
        raise ValueError("a null character, or half of a character")
    return value


def storable(text: str) -> bool:
    """Whether a table holds a text: it has no null character, nor half of a character in two parts."""
    return not any(c == "\x00" or "\ud800" <= c <= "\udfff" for c in text)
