"""Every fault that an event has against its JSON Schema, in words; used only when the fast decoding has failed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import groupby
from typing import Annotated, Any, cast, get_args

import msgspec
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.protocols import Validator
from jsonschema.validators import extend
from msgspec import Meta

from contracts import sales
from contracts.json_schema import envelope_schema, event_schema
from services.ingest.domain.faults import Fault, pointer, shown

_WORDS = {
    "string": "text",
    "integer": "a whole number",
    "boolean": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
}
_FORMATS = {
    "date": ("not-a-date", "a date such as 2026-03-31"),
    "date-time": ("not-an-instant", "an RFC 3339 instant with an offset, such as 2026-03-31T09:30:00+08:00"),
}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_Instant = Annotated[dt.datetime, Meta(tz=True)]
_Error = Any  # jsonschema.ValidationError, whose stubs give each attribute as "perhaps unset"


def is_instant(value: object) -> bool:
    """Whether this is an RFC 3339 instant with an offset, which readers can decode too."""
    return not isinstance(value, str) or (bool(RFC3339.fullmatch(value)) and _converts(value, _Instant))


def faults(event_type: str | None, event: object) -> Iterator[Fault]:
    """Every fault of an event against its type's schema (None: against the envelope's only), in document order."""
    errors = _of_their_type(_validator(event_type).iter_errors(cast(Any, event)))
    for error in sorted(errors, key=lambda e: [str(step) for step in e.absolute_path]):
        yield from _explained(error)


def _of_their_type(errors: Iterable[_Error]) -> list[_Error]:
    """Of what has the wrong type nothing else is said, such as that 1e400 is also beyond a maximum."""
    found = list(errors)
    wrong = {tuple(error.absolute_path) for error in found if error.validator == "type"}
    return [error for error in found if error.validator == "type" or tuple(error.absolute_path) not in wrong]


@cache
def _validator(event_type: str | None) -> Validator:
    formats = FormatChecker(formats=())
    formats.checks("date-time")(is_instant)
    formats.checks("date")(lambda value: not isinstance(value, str) or _converts(value, dt.date))
    # JSON Schema takes 1.0 for an integer; the readers' decoder does not.
    types = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    schema = envelope_schema() if event_type is None else event_schema(event_type)
    make = cast(Any, extend)(Draft202012Validator, type_checker=types)
    return cast(Validator, make(schema, format_checker=formats))


def _converts(text: str, type_: Any) -> bool:
    try:
        msgspec.convert(text, type_)
    except msgspec.ValidationError:
        return False
    return True


def _explained(error: _Error) -> Iterator[Fault]:
    where, instance, wanted = pointer(error.absolute_path), error.instance, error.validator_value
    if "propertyNames" in error.absolute_schema_path:
        yield Fault(pointer((*error.absolute_path, instance)), "bad-name", f"{shown(instance)} is no allowed name")
    elif error.validator == "required":
        for name in (n for n in wanted if n not in instance):
            yield Fault(pointer((*error.absolute_path, name)), "missing", f"{name} must be there")
    elif error.validator == "additionalProperties":
        for name in (n for n in instance if n not in error.schema.get("properties", {})):
            yield Fault(pointer((*error.absolute_path, name)), "unknown-field", f"{shown(name)} is no field here")
    elif error.validator == "anyOf":
        yield from _explained_choice(error)
    elif error.validator == "pattern":
        yield _PATTERNS.get(wanted, _no_pattern)(where, instance)
    else:
        yield Fault(where, *_plain_words(error))


def _explained_choice(error: _Error) -> Iterator[Fault]:
    """A value that fits no branch: the faults of the branch of its own type, or that no branch has its type."""
    branches = [list(of) for _, of in groupby(error.context or (), lambda one: one.relative_schema_path[0])]
    if near := [one for of in branches if not any(one.validator == "type" for one in of) for one in of]:
        for one in near:
            yield from _explained(one)
        return
    types = [branch.get("type") for branch in error.validator_value if branch.get("type") != "null"]
    decimal = any(branch.get("pattern") in _DECIMALS for branch in error.validator_value)
    yield Fault(pointer(error.absolute_path), *_wrong_type(types, error.instance, decimal))


def _plain_words(error: _Error) -> tuple[str, str]:
    wanted, instance = error.validator_value, error.instance
    match error.validator:
        case "type":
            types = wanted if isinstance(wanted, list) else [wanted]
            return _wrong_type(types, instance, error.schema.get("pattern") in _DECIMALS)
        case "format":
            code, words = _FORMATS[wanted]
            return code, f"{shown(instance)} is not {words}"
        case "minLength":
            return "empty", "must not be empty"
        case "maxLength":
            return "too-long", f"has {len(instance)} characters; the limit is {wanted}"
        case "maxItems":
            return "too-many", f"has {len(instance)} items; the limit is {wanted}"
        case "minimum" | "maximum":
            return "out-of-bounds", f"{shown(instance)} is beyond the {error.validator} {wanted}"
        case "const":
            return "wrong-value", f"must be {shown(wanted)}"
        case _:
            return "schema", "does not fit the schema"


def _wrong_type(types: list[Any], instance: object, decimal: bool) -> tuple[str, str]:
    if decimal and isinstance(instance, int | float) and not isinstance(instance, bool):
        return "number-for-decimal", 'a decimal is written as text, such as "12.50", never as a number'
    return "wrong-type", "must be " + " or ".join(_WORDS.get(t, str(t)) for t in types if t != "null")


def _no_decimal(where: str, text: str) -> Fault:
    if not _DECIMAL.fullmatch(text) or not text.isascii():
        return Fault(where, "not-a-decimal", f"{shown(text)} is no decimal such as 12.50")
    if text.startswith("-"):
        return Fault(where, "negative", f"{shown(text)} is negative: amounts are positive and subtracted by their kind")
    return Fault(where, "out-of-bounds", f"{shown(text)} has over 20 digits before or over 10 after the point")


def _no_share(where: str, text: str) -> Fault:
    fault = _no_decimal(where, text)
    if fault.code != "out-of-bounds":
        return fault
    return Fault(where, "out-of-bounds", f"{shown(text)} is no share from 0 to 1 of at most 10 digits after the point")


def _no_currency(where: str, text: str) -> Fault:
    return Fault(where, "unknown-currency", f"{shown(text)} is no ISO 4217 code")


def _no_pattern(where: str, text: str) -> Fault:
    return Fault(where, "schema", f"{shown(text)} is not written as it should be")


def _no_date_or_instant(where: str, text: str) -> Fault:
    words = "a date such as 2026-03-31, nor an instant with an offset, such as 2026-03-31T09:30:00+08:00"
    return Fault(where, "not-a-date-or-instant", f"{shown(text)} is neither {words}")


def _pattern(type_: Any) -> str:
    return next(meta.pattern for meta in get_args(type_)[1:] if isinstance(meta, Meta) and meta.pattern)


_DECIMALS = {_pattern(type_) for type_ in (sales.Amount, sales.SignedAmount, sales.Share)}
_PATTERNS: dict[str, Callable[[str, str], Fault]] = {
    _pattern(sales.Amount): _no_decimal,
    _pattern(sales.SignedAmount): _no_decimal,
    _pattern(sales.Share): _no_share,
    _pattern(sales.Currency): _no_currency,
    _pattern(sales.DateOrInstant): _no_date_or_instant,
}
