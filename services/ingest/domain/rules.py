"""What the schema cannot say: the rules that hold for every event, and those of its type; each rule once.

A rule names the places that it reads; where one of them is faulty already the rule is silent.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from contracts.topics import ACCEPTED_FROM_CRM
from services.ingest.domain import sales_rules, service_rules
from services.ingest.domain.custom_fields import value_faults
from services.ingest.domain.door import DATA, Door, Rule
from services.ingest.domain.faults import Fault, pointer
from services.ingest.domain.id_rules import of_ids
from services.ingest.domain.said import Said

INTEGER_MAX = 2**63 - 1
_JSON = "application/json"


def hold(event: Said, door: Door) -> bool:
    """Whether an event that fits its type keeps every rule. What one has broken, no later one has to read."""
    for _, check in _BY_TYPE.get(event.type, _EVERY_EVENT):  # noqa: SIM110 a generator takes as long as a rule
        if check(event, door):
            return False
    return True


def faults(event: Said, door: Door, known: Collection[Fault] = ()) -> list[Fault]:
    """The faults of an event's meaning. ``known``: what is found already, so that nothing is judged on sand."""
    found = list(known)
    for reads, check in _BY_TYPE.get(event.type, _EVERY_EVENT):
        if not found or not any(re.fullmatch(reads, fault.pointer) for fault in found):
            found += check(event, door)
    return found[len(known) :]


def _time(event: Said, door: Door) -> Sequence[Fault]:
    return door.instant_faults(event.time, "/time") if event.time else ()


def _business_date(event: Said, door: Door) -> Sequence[Fault]:
    day = event.data.business_date
    if isinstance(day, str):
        try:
            day = dt.date.fromisoformat(day)
        except ValueError:  # of a type that is not known, whose data no schema has looked at
            return ()
    return door.day_faults(day, "/data/business_date") if isinstance(day, dt.date) else ()


def _media_type(event: Said, door: Door) -> Sequence[Fault]:
    if (said := event.datacontenttype or _JSON) == _JSON:
        return ()
    kind = str(said).split(";")[0].strip().lower()
    if kind == _JSON or kind.endswith("+json"):
        return ()
    return [Fault("/datacontenttype", "not-json-data", f"{kind[:80]} is no JSON, and Merit's data is JSON")]


def _integers(event: Said, door: Door) -> Sequence[Fault]:
    """What is of its type and no more has whole numbers among its ``attributes`` alone that nothing else bounds."""
    found = _too_long(event.values) if event.values else []
    if isinstance(attributes := event.data.attributes, dict) and attributes:
        found += _too_long(attributes, "data", "attributes")
    return found


def _too_long(values: Mapping[str, Any], *place: str) -> list[Fault]:
    return [
        Fault(pointer((*place, name)), "out-of-bounds", "a whole number has at most 63 bits")
        for name, value in values.items()
        if isinstance(value, int) and abs(value) > INTEGER_MAX
    ]


def _policy(event: Said, door: Door) -> Sequence[Fault]:
    if not (required := door.required.get(event.type)):
        return ()
    said = event.whole()
    return [
        Fault(place, "required-by-policy", "this installation requires it to be filled in")
        for place in required
        if not filled(said, place)
    ]


def _custom_fields(event: Said, door: Door) -> Sequence[Fault]:
    if not (fields := door.custom_fields.get(event.type)):
        return ()
    attributes = event.data.attributes or {}
    found: list[Fault] = []
    for field in fields:
        value = attributes.get(field.name)
        if value is None or isinstance(value, str | int):  # of any other the schema speaks
            found += value_faults(field, value)
    return found


def filled(event: Mapping[str, Any], place: str) -> bool:
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
_OWN = {**sales_rules.BY_TYPE, **service_rules.BY_TYPE}
_BY_TYPE: Mapping[str, tuple[Rule, ...]] = {
    name: (*_EVERY_EVENT, of_ids(name), *_OWN.get(name, ())) for name in ACCEPTED_FROM_CRM
}
