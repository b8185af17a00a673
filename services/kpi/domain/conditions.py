"""Facts, their fields, and filters over them as data: drawn by a form, checked with a pointer per fault."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

FACTS: dict[str, dict[str, Literal["text", "decimal", "boolean", "date"]]] = {
    "order": {
        "order_id": "text",
        "customer_id": "text",
        "territory": "text",
        "rep_id": "text",
        "credited": "boolean",
        "amount": "decimal",
        "currency": "text",
        "day": "date",
    },
}
"""The fields of each fact; ``attributes.NAME`` (text) stands beside them."""
ANCHORS = {"order": ("day",)}
"""Which dates can put a fact into a period: an order's day, a refund's its own."""
ATTRIBUTE = "attributes."
CONDITIONS_MAX, NESTING_MAX, VALUES_MAX = 50, 5, 1_000

Operator = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in", "set", "not_set"]
DecimalText = Annotated[str, Meta(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,10})?(?![\s\S])")]


class Condition(
    Struct,
    frozen=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    rename={"all_of": "and", "any_of": "or", "none_of": "not"},
):
    """One comparison (``field`` with ``operator`` and ``value``, ``values`` or ``field2``), or and/or/not over others.

    A comparison with a missing field is false.
    """

    field: str | None = None
    operator: Operator | None = None
    value: str | bool | None = None
    values: list[str] | None = None
    field2: str | None = None
    all_of: list[Condition] | None = None
    any_of: list[Condition] | None = None
    none_of: Condition | None = None


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a definition: where (JSON pointer), a stable code, a sentence."""

    pointer: str
    code: str
    detail: str


def conditions_faults(conditions: Sequence[Condition], over: str, at: str, depth: int = 1) -> Iterable[Fault]:
    """Everything wrong with a filter: unknown fields and operators that do not fit, too many, too deep."""
    if len(conditions) > CONDITIONS_MAX or depth > NESTING_MAX:
        yield Fault(at, "too-large", f"at most {CONDITIONS_MAX} conditions, nested {NESTING_MAX} deep")
        return
    for i, c in enumerate(conditions):
        here = f"{at}/{i}"
        if c.all_of is not None or c.any_of is not None or c.none_of is not None:
            yield from conditions_faults(c.all_of or [], over, f"{here}/and", depth + 1)
            yield from conditions_faults(c.any_of or [], over, f"{here}/or", depth + 1)
            yield from conditions_faults([c.none_of] if c.none_of else [], over, f"{here}/not", depth + 1)
            if sum(x is not None for x in (c.all_of, c.any_of, c.none_of, c.field, c.operator)) != 1:
                yield Fault(here, "shape", "one of and, or, not, or a comparison: not two of them")
        else:
            yield from _comparison_faults(c, over, here)


def _comparison_faults(c: Condition, over: str, at: str) -> Iterable[Fault]:
    if c.field is None or c.operator is None:
        yield Fault(at, "shape", "a comparison needs field and operator")
        return
    kind = field_type(over, c.field)
    if kind is None:
        yield Fault(f"{at}/field", "unknown-field", f"{over} has no field {c.field!r}")
        return
    wants = {"set": "", "not_set": "", "in": "values", "not_in": "values"}.get(c.operator, "value")
    given = [n for n in ("value", "values", "field2") if getattr(c, n) is not None]
    if given != ([wants] if wants else []) and not (wants == "value" and given == ["field2"]):
        yield Fault(at, "shape", f"{c.operator} needs {wants or 'nothing'} beside its field")
    if c.field2 is not None and field_type(over, c.field2) != kind:
        yield Fault(f"{at}/field2", "type", f"{c.field2} is no {kind} field of {over}")
    if len(c.values or []) > VALUES_MAX:
        yield Fault(f"{at}/values", "too-large", f"at most {VALUES_MAX} values")
    for value in [c.value, *(c.values or [])]:
        if value is not None and not _fits(value, kind):
            yield Fault(f"{at}/value", "type", f"{value!r} is no {kind}")


def field_type(over: str, field: str | None) -> str | None:
    """The type of a fact's field; None when it has none of that name."""
    if field and field.startswith(ATTRIBUTE) and len(field) > len(ATTRIBUTE):
        return "text"
    return FACTS[over].get(field or "")


def _fits(value: str | bool, kind: str) -> bool:
    if isinstance(value, bool) or kind == "boolean":
        return isinstance(value, bool) and kind == "boolean"
    try:
        msgspec.convert(value, {"decimal": DecimalText, "date": dt.date}.get(kind, str))
    except msgspec.ValidationError:
        return False
    return True
