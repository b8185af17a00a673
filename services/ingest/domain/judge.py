"""One event's own bytes → what it is, who it is, and every fault that it has."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

import msgspec

from contracts import envelope
from contracts.json_schema import EXTENSION_NAME
from contracts.topics import ACCEPTED_FROM_CRM, object_key
from services.ingest.domain import rules, schema_faults, text
from services.ingest.domain.door import Door
from services.ingest.domain.faults import Fault, NotAnEvent, bounded, shown, storable
from services.ingest.domain.judged import ATTRIBUTES, Judged, Mark
from services.ingest.domain.said import Said, loosely
from services.ingest.domain.typed import says_all, typed

REQUIRED = ("specversion", "id", "source", "type")
"""Without these it is no CloudEvents event: then nothing can be kept under its identity."""
_NAME = re.compile(EXTENSION_NAME)
_SCALARS = (str, int, bool, type(None))


def judge(raw: bytes, door: Door) -> Judged:
    """Judge one structured-mode event. Raises NotAnEvent (pointers from the event's root) and TooDeep."""
    return sound(raw, door) or explained(raw, door)


def sound(raw: bytes, door: Door) -> Judged | None:
    """A sound event, which most are, from one decoding into its type; None where there is any doubt."""
    if not (found := typed(raw)):
        return None
    read, time = found
    values = None
    if not says_all(read, raw) and not ((values := text.plain(raw)) and _well_named(values)):
        return None
    said = Said(raw, read.source, read.id, read.type, time, read.datacontenttype, read.data, values)
    if not rules.hold(said, door):
        return None
    content = envelope.content_hash_of(read.type, read.subject, time, values["data"] if values else read.data)
    object_id = getattr(read.data, object_key(read.type))
    mark = Mark(envelope.identity_hash(object_id, read.source, read.id), content)
    return Judged(raw, storable(read.source), storable(read.id), read.type, (), storable(object_id), mark, values)


def explained(raw: bytes, door: Door) -> Judged:
    """Judge an event that may have faults: say each of them. Raises NotAnEvent and TooDeep."""
    text.check_depth(raw)
    event, faults = text.parse(raw)
    _insist(event)
    raw = _with_plain_data(raw, event, faults)
    known = event["type"] in ACCEPTED_FROM_CRM
    if not known:
        faults.append(Fault("/type", "unknown-type", f"{shown(event['type'])} is no type that is taken here"))
    if not (known and _fits(raw, event)):
        faults += schema_faults.faults(event["type"] if known else None, event)
        if known and not faults:
            faults.append(Fault("", "schema", "the event cannot be decoded by its readers"))
    faults += rules.faults(loosely(raw, event), door, faults)
    return _identified(raw, event, bounded(faults))


def _insist(event: Any) -> None:
    """Raise NotAnEvent, with every reason, unless this is a CloudEvents 1.0 event."""
    if not isinstance(event, dict):
        raise NotAnEvent("not a CloudEvents event", [Fault("", "not-an-object", "an event is a JSON object")])
    faults = []
    for name in REQUIRED:
        value = event.get(name)
        if value is None:
            faults.append(Fault(f"/{name}", "missing", f"CloudEvents requires {name}"))
        elif not isinstance(value, str) or not value:
            faults.append(Fault(f"/{name}", "not-a-text", f"{name} is text that is not empty"))
        elif name == "specversion" and value != "1.0":
            faults.append(Fault("/specversion", "wrong-value", f"CloudEvents 1.0 is understood, not {shown(value)}"))
    if faults:
        raise NotAnEvent("not a CloudEvents 1.0 event", faults)


def _with_plain_data(raw: bytes, event: dict[str, Any], faults: list[Fault]) -> bytes:
    """JSON data may come as ``data_base64`` (the official SDKs do so): then the event is written anew with data."""
    if "data_base64" not in event:
        return raw
    encoded = event.pop("data_base64")
    if "data" in event:
        faults.append(Fault("/data_base64", "data-twice", "an event has data or data_base64, not both"))
        return raw
    try:
        data = base64.b64decode(encoded, validate=True)
        text.check_depth(data)
        event["data"], inner = text.parse(data)
    except (TypeError, binascii.Error, ValueError, NotAnEvent):
        faults.append(Fault("/data_base64", "not-json-data", "this is no base64 of a JSON text"))
        return raw
    faults += [Fault(f"/data{fault.pointer}", fault.code, fault.detail) for fault in inner]
    if faults:
        return raw
    return msgspec.json.encode({**event, "data": msgspec.Raw(data)})


def _fits(raw: bytes, event: dict[str, Any]) -> bool:
    """Whether its readers can decode the event and know every field's name, and its attributes keep their rules."""
    found = typed(raw)
    return found is not None and found[0].type == event["type"] and _well_named(event)


def _well_named(event: dict[str, Any]) -> bool:
    return event.keys() <= ATTRIBUTES or all(
        n in ATTRIBUTES or (_NAME.match(n) and isinstance(v, _SCALARS)) for n, v in event.items()
    )


def _identified(raw: bytes, event: dict[str, Any], faults: tuple[Fault, ...]) -> Judged:
    source, id, kind = (storable(event[name]) for name in ("source", "id", "type"))
    data = event.get("data")
    object_id = (
        data.get(object_key(event["type"])) if event["type"] in ACCEPTED_FROM_CRM and isinstance(data, dict) else None
    )
    if not isinstance(object_id, str) or not object_id:
        return Judged(raw, source, id, kind, faults, values=event)
    try:
        read = envelope.decode(raw)
        mark = Mark(envelope.identity_hash(object_id, read.source, read.id), envelope.content_hash(read))
    except (msgspec.MsgspecError, ValueError):
        mark = None
    return Judged(raw, source, id, kind, faults, storable(object_id), mark, event)
