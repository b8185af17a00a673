"""The fields of its own that a company declares: what a declaration may say, and what it asks of a value."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from contracts.custom_fields import FieldType
from services.ingest.domain.faults import Fault, pointer, shown

FIELDS_MAX = 200
"""Declarations of one installation, those that were taken back included."""
NAME_CHARACTERS_MAX = 64
_DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,10})?")
_DECIMAL_OF_ANY_SIZE = re.compile(r"-?[0-9]+(\.[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomField:
    """A version of a declaration: who decided it, and when. ``active``: it was not taken back."""

    name: str
    version: int
    type: FieldType
    required: bool
    event_types: tuple[str, ...]
    active: bool
    decided_by: str
    decided_at: dt.datetime

    @property
    def etag(self) -> str:
        """Changes with each decision."""
        return f'"{self.version}"'

    def says_the_same(self, other: CustomField) -> bool:
        """Whether another version asks the same of events."""
        return self._asks == other._asks

    @property
    def _asks(self) -> tuple[object, ...]:
        return self.type, self.required, set(self.event_types), self.active


def declaration_faults(
    name: str,
    type: FieldType,
    event_types: Sequence[str],
    known: Mapping[str, CustomField],
    accepted: Collection[str],
) -> list[Fault]:
    """What is wrong with a declaration, given those of this installation and the event types that are accepted."""
    found = []
    if not name.isidentifier() or len(name) > NAME_CHARACTERS_MAX:
        words = f"1 to {NAME_CHARACTERS_MAX} letters, digits and underscores, no digit first"
        found.append(Fault("/name", "bad-name", f"{shown(name)} is no name of a field: {words}"))
    if name not in known and len(known) >= FIELDS_MAX:
        found.append(Fault("/name", "too-many", f"there are {FIELDS_MAX} fields already"))
    if (before := known.get(name)) and before.type != type:
        found.append(Fault("/type", "type-is-fixed", f"{name} is {before.type} for ever: take another name"))
    for index, event_type in enumerate(event_types):
        where = pointer(("event_types", index))
        if event_type in event_types[:index]:
            found.append(Fault(where, "repeated", f"{shown(event_type)} stands here already"))
        elif event_type not in accepted:
            found.append(Fault(where, "unknown-type", f"{shown(event_type)} is no type that is taken here"))
    return found


def value_faults(field: CustomField, value: Any) -> Iterator[Fault]:
    """What is wrong with a value (None: it is absent) under the field's name in an event's attributes."""
    where = pointer(("data", "attributes", field.name))
    if field.required and value in (None, ""):
        yield Fault(where, "required-by-declaration", f"{field.name} must be filled in")
    elif value is not None and (wrong := _WRONG[field.type](value)):
        yield Fault(where, *wrong)


def _no_text(value: Any) -> tuple[str, str] | None:
    return None if isinstance(value, str) else ("wrong-type", "this field is declared as text")


def _no_boolean(value: Any) -> tuple[str, str] | None:
    return None if isinstance(value, bool) else ("wrong-type", "this field is declared as true or false")


def _no_decimal(value: Any) -> tuple[str, str] | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return "wrong-type", "this field is declared as a decimal: text such as -12.50, or a whole number"
    if isinstance(value, int) or _DECIMAL.fullmatch(value):
        return None
    if _DECIMAL_OF_ANY_SIZE.fullmatch(value):
        return "out-of-bounds", f"{shown(value)} has over 20 digits before or over 10 after the point"
    return "not-a-decimal", f"{shown(value)} is no decimal such as -12.50"


def _no_date(value: Any) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return "wrong-type", "this field is declared as a date: text such as 2026-03-31"
    return None if _is_date(value) else ("not-a-date", f"{shown(value)} is not a date such as 2026-03-31")


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text  # it also reads 20260331 and 2026-W13-2
    except ValueError:
        return False


_WRONG: Mapping[FieldType, Callable[[Any], tuple[str, str] | None]] = {
    "text": _no_text,
    "decimal": _no_decimal,
    "date": _no_date,
    "boolean": _no_boolean,
}
