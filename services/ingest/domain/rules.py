"""What the schema cannot say: the rules that hold for every event, and those of its type; each rule once.

A rule names the places that it reads; where one of them is faulty already the rule is silent.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from services.ingest.domain import sales_rules, service_rules
from services.ingest.domain.custom_fields import value_faults
from services.ingest.domain.door import DATA, Door, Event, Rule
from services.ingest.domain.faults import Fault, pointer

INTEGER_MAX = 2**63 - 1
_JSON = "application/json"


def faults(event: Event, door: Door, known: Collection[Fault] = ()) -> list[Fault]:
    """The faults of an event's meaning. ``known``: what is found already, so that nothing is judged on sand."""
    found = list(known)
    for rule in _BY_TYPE.get(str(event.get("type")), _EVERY_EVENT):
        if not found or not any(re.fullmatch(rule.reads, fault.pointer) for fault in found):
            found += rule.check(event, door)
    return found[len(known) :]


def _time(event: Event, door: Door) -> Iterator[Fault]:
    yield from door.day_faults(door.day(msgspec.convert(event["time"], dt.datetime)), "/time")


def _business_date(event: Event, door: Door) -> Iterator[Fault]:
    data = event.get("data")
    if isinstance(data, dict) and isinstance(text := data.get("business_date"), str):
        yield from door.day_faults(dt.date.fromisoformat(text), "/data/business_date")


def _media_type(event: Event, door: Door) -> Iterator[Fault]:
    if (said := event.get("datacontenttype") or _JSON) == _JSON:
        return
    kind = str(said).split(";")[0].strip().lower()
    if not (kind == _JSON or kind.endswith("+json")):
        yield Fault("/datacontenttype", "not-json-data", f"{kind[:80]} is no JSON, and Merit's data is JSON")


def _integers(event: Event, door: Door) -> Iterator[Fault]:
    yield from _too_long(event)
    if isinstance(data := event.get("data"), dict) and isinstance(attributes := data.get("attributes"), dict):
        yield from _too_long(attributes, "data", "attributes")


def _too_long(values: Mapping[str, Any], *place: str) -> Iterator[Fault]:
    for name, value in values.items():
        if isinstance(value, int) and abs(value) > INTEGER_MAX:
            yield Fault(pointer((*place, name)), "out-of-bounds", "a whole number has at most 63 bits")


def _policy(event: Event, door: Door) -> Iterator[Fault]:
    for place in door.required.get(str(event.get("type")), ()):
        if not filled(event, place):
            yield Fault(place, "required-by-policy", "this installation requires it to be filled in")


def _custom_fields(event: Event, door: Door) -> Iterator[Fault]:
    attributes = event["data"].get("attributes", {})
    for declared in door.custom_fields.get(str(event.get("type")), ()):
        value = attributes.get(declared.name)
        if value is None or isinstance(value, str | int):  # of any other the schema speaks
            yield from value_faults(declared, value)


def filled(event: Event, place: str) -> bool:
    """Whether something stands at a JSON pointer: not null, and no empty text, list or object."""
    value: Any = event
    for step in place.split("/")[1:]:
        value = value.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(value, dict) else None
    return value is not None and value not in ("", [], {})


_EVERY_EVENT = (
    Rule("|/time", _time),
    Rule(r"/data/business_date", _business_date),
    Rule("|/datacontenttype", _media_type),
    Rule("", _integers),
    Rule("|/type", _policy),
    Rule(DATA + "|/type|/data/attributes", _custom_fields),
)
_BY_TYPE: Mapping[str, tuple[Rule, ...]] = {
    name: (*_EVERY_EVENT, *own) for name, own in {**sales_rules.BY_TYPE, **service_rules.BY_TYPE}.items()
}
