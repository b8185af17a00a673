"""What can be wrong with each field of each event type: made from the types, with the code that must name it."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import inspect

from contracts import sales
from contracts.topics import EVENT_TYPES
from tests.ingest.events import golden

HALF = "\ud800"  # json.dumps writes it as the escape \ud800
DELETE, HUGE, BEYOND = object(), "a number of 1,000 digits", "the number 1e400"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Case:
    """A sound event with another value at one place, and the faults that it must have, no other."""

    path: Path
    value: Any
    code: str
    where: Path | None = None

    @property
    def fault(self) -> tuple[str, str]:
        steps = self.path if self.where is None else self.where
        return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps), self.code

    def event(self, sound: dict[str, Any]) -> dict[str, Any]:
        """The faulty event."""
        event = copy.deepcopy(sound)
        place: Any = event
        for step in self.path[:-1]:
            place = place[step]
        if self.value is DELETE:
            del place[self.path[-1]]
        else:
            place[self.path[-1]] = self.value
        return event


def written(event: Any) -> bytes:
    """As JSON text, with the numbers that Python would not write."""
    text = json.dumps(event).replace(json.dumps(HUGE), "9" * 1_000)
    return text.replace(json.dumps(BEYOND), "1e400").encode()


TEXT = [(5, "wrong-type"), ([], "wrong-type"), (True, "wrong-type"), (HALF, "lone-surrogate"), ("a\0", "nul-character")]
NUMBERS = [(n, "number-for-decimal") for n in (12.5, 5, HUGE, BEYOND, -1e-300)]
NO_DECIMALS = [
    (t, "not-a-decimal") for t in ("", "NaN", "Infinity", "1e400", "1e3", "1,5", " 1", "1\n", "١٢", "0x1", "+1")
]
DECIMAL = [*NO_DECIMALS, ("1" * 21, "out-of-bounds"), ("0." + "1" * 11, "out-of-bounds"), (False, "wrong-type")]
INSTANTS = [
    ("2026-03-01T09:00:00", "not-a-date-or-instant"), ("2026-03-01T09:00:00+0100", "not-a-date-or-instant"),
    ("1.3.2026", "not-a-date-or-instant"), ("2026-3-1", "not-a-date-or-instant"), ("", "not-a-date-or-instant"),
    ("2026-03-01\n", "not-a-date-or-instant"), ("2026-02-30", "not-a-date"), ("2026-13-01", "not-a-date"),
    ("2026-02-30T09:00:00Z", "not-an-instant"), ("2026-03-01T25:00:00Z", "not-an-instant"),
    ("1969-12-31", "ancient-date"), ("0001-01-01T00:00:00+14:00", "ancient-date"),
    ("2126-03-01", "future-date"), ("9999-12-31T23:59:59-12:00", "future-date"),
    (5, "wrong-type"),
]  # fmt: skip
BY_PATTERN: dict[str, list[tuple[Any, str]]] = {
    "Amount": [*NUMBERS, *DECIMAL, ("-1", "negative"), ("-0.0", "negative")],
    "SignedAmount": [*NUMBERS, *DECIMAL],
    "Share": [*NUMBERS, *DECIMAL, ("1.1", "out-of-bounds"), ("2", "out-of-bounds"), ("-0.5", "negative")],
    "Currency": [(c, "unknown-currency") for c in ("ZZZ", "usd", "", "USDX", "US", "元", "XAU")] + [(5, "wrong-type")],
    "DateOrInstant": INSTANTS,
}
DATE = [
    ("2026-3-1", "not-a-date"), ("2026-02-30", "not-a-date"), ("", "not-a-date"), ("20260301", "not-a-date"),
    ("2026-03-01T00:00:00Z", "not-a-date"), ("1900-01-01", "ancient-date"), ("2026-03-12", "future-date"),
    ("9999-12-31", "future-date"), (20260301, "wrong-type"),
]  # fmt: skip
ENVELOPE = [
    Case(("time",), DELETE, "missing"), Case(("time",), None, "wrong-type"), Case(("time",), 0, "wrong-type"),
    *(Case(("time",), t, "not-an-instant") for t in ("", "2026-03-01", "2026-03-01T09:00:00", "2026-02-30T09:00:00Z",
        "2026-03-01T09:00:00+0100", "2026-03-01T24:00:00Z")),
    *(Case(("time",), t, "future-date") for t in ("2026-03-12T04:00:00Z", "2027-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00")),
    *(Case(("time",), t, "ancient-date") for t in ("1969-12-31T00:00:00Z", "0001-01-01T00:00:00+14:00")),
    Case(("id",), " ", "blank"), Case(("source",), " \u2003", "blank"),
    Case(("id",), "x" * 257, "too-long"), Case(("id",), "a\0", "nul-character"), Case(("id",), HALF, "lone-surrogate"),
    Case(("source",), "x" * 257, "too-long"), Case(("source",), "𠀀" * 129, "too-long"),
    Case(("subject",), "", "empty"), Case(("subject",), 5, "wrong-type"),
    Case(("datacontenttype",), "text/xml", "not-json-data"), Case(("data",), DELETE, "missing"),
    *(Case(("data",), value, "wrong-type") for value in ([], "text", 5, None, True)),
    Case(("data_base64",), "e30=", "data-twice"), Case(("Trace-Id",), "x", "bad-name"),
    Case(("traceid",), {}, "wrong-type"), Case(("traceid",), 2**64, "out-of-bounds"),
    Case(("type",), "crm.order.lost.v1", "unknown-type"), Case(("type",), "merit.target.set.v1", "unknown-type"),
]  # fmt: skip


def full(event_type: str) -> dict[str, Any]:
    """A sound event of the type in which every field has a value."""
    event = golden(event_type, subject="about it")
    for field in msgspec.structs.fields(EVENT_TYPES[event_type]):
        if event["data"].get(field.encode_name) in (None, [], {}):
            event["data"][field.encode_name] = copy.deepcopy(SOUND[field.encode_name])
    if event_type == sales.REFUNDED:
        event["data"]["amount"] = SOUND["lines"][0]["amount"]
        event["data"]["lines"] = SOUND["lines"]
    return event


LINE = {"product": "p", "category": "c", "quantity": "1", "amount": "5", "cost": "-3", "discount": "0"}
SOUND: dict[str, Any] = {
    "territory": "t", "business_date": "2026-03-01", "attributes": {"region": "EU"}, "customer_id": "C1",
    "revision": 1, "lines": [LINE], "opportunity_id": "O1", "reason": "why", "refund_id": "R1", "amount": "5",
    "invoice_id": "I1", "currency": "USD", "opened_at": "2026-03-01", "stage": "s", "product": "p",
    "category": "c", "order_id": "O1", "case_id": "K1", "outcome": "done", "scale_max": 10,
    "credits": [{"rep_id": "7", "share": "1"}],
}  # fmt: skip


def cases(event_type: str) -> list[Case]:
    """Every case of a type: of the envelope, and of each field of its data."""
    type_ = inspect.type_info(EVENT_TYPES[event_type])
    assert isinstance(type_, inspect.StructType)
    return [*ENVELOPE, *_struct(type_, ("data",), full(event_type)["data"])]


def _struct(type_: inspect.StructType, path: Path, sound: dict[str, Any]) -> Iterator[Case]:
    yield Case((*path, "misspelt"), "x", "unknown-field")
    for field in type_.fields:
        where = (*path, field.encode_name)
        if field.required:
            yield Case(where, DELETE, "missing")
        if not _nullable(field.type):
            yield Case(where, None, "wrong-type")
        if field.encode_name in sound:
            yield from _values(field.type, where, sound[field.encode_name])


def _nullable(type_: inspect.Type) -> bool:
    return isinstance(type_, inspect.UnionType) and any(isinstance(t, inspect.NoneType) for t in type_.types)


def _values(type_: inspect.Type, path: Path, sound: Any) -> Iterator[Case]:
    match type_:
        case inspect.Metadata(type=inner):
            yield from _values(inner, path, sound)
        case inspect.UnionType(types=types) if any(isinstance(t, inspect.IntType) for t in types):  # a score
            yield from (Case(path, v, c) for v, c in [*DECIMAL, ("-1", "negative"), (-1, "out-of-bounds")])
            yield from (Case(path, v, "number-for-decimal") for v in (4.5, BEYOND))
            yield Case(path, HUGE, "out-of-bounds")
        case inspect.UnionType(types=types):
            (inner,) = [t for t in types if not isinstance(t, inspect.NoneType)]
            yield from _values(inner, path, sound)
        case inspect.StrType(pattern=str(pattern)):
            yield from (Case(path, value, code) for value, code in BY_PATTERN[_PATTERNS[pattern]])
        case inspect.StrType(min_length=least, max_length=most):
            yield from (Case(path, value, code) for value, code in TEXT)
            yield Case(path, "x" * ((most or 0) + 1), "too-long")
            if least:
                yield Case(path, "𠀀" * 129, "too-long")
                yield Case(path, "", "empty")
                yield from (Case(path, value, "blank") for value in (" ", "\t\n", "\u00a0"))
        case inspect.IntType(ge=least, le=most):
            yield from (Case(path, v, "out-of-bounds") for v in ((least or 0) - 1, (most or 0) + 1, HUGE))
            yield from (Case(path, v, "wrong-type") for v in (1.0, "1", BEYOND, True))
        case inspect.BoolType():
            yield from (Case(path, v, "wrong-type") for v in (0, "true", []))
        case inspect.DateType():
            yield from (Case(path, value, code) for value, code in DATE)
        case inspect.ListType(item_type=inspect.StructType() as item, max_length=most):
            yield from (Case(path, v, "wrong-type") for v in ({}, "x", 5))
            yield Case(path, [sound[0]] * ((most or 0) + 1), "too-many")
            yield Case((*path, 0), "x", "wrong-type")
            yield from _struct(item, (*path, 0), sound[0])
        case inspect.DictType():
            yield from (Case(path, v, "wrong-type") for v in ([], "x", 5))
            for value in (0.5, {}, [], BEYOND):
                yield Case((*path, "a/b~c"), value, "wrong-type")
            yield from (Case((*path, "n"), v, "out-of-bounds") for v in (2**63, HUGE))
            yield from (Case((*path, name), "x", "bad-name") for name in ("", "x" * 65))
            yield Case((*path, "n"), "a\0", "nul-character")
            yield Case((*path, "n"), HALF, "lone-surrogate")
        case _:
            raise AssertionError(f"nobody has said what can be wrong with {type_}")


_PATTERNS = {
    next(m.pattern for m in getattr(sales, name).__metadata__ if isinstance(m, msgspec.Meta)): name
    for name in BY_PATTERN
}
