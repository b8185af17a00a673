"""One event's own bytes → what it is, who it is, and every fault that it has."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import re
from functools import cache
from typing import Annotated, Any, NamedTuple

import msgspec
from msgspec import Meta, Struct

from contracts import envelope
from contracts.json_schema import EXTENSION_NAME, data_type
from contracts.topics import ACCEPTED_FROM_CRM, object_key
from services.ingest.domain import rules, schema_faults, text
from services.ingest.domain.counts import reps_of
from services.ingest.domain.door import Door
from services.ingest.domain.faults import Fault, NotAnEvent, bounded, shown, storable

REQUIRED = ("specversion", "id", "source", "type")
"""Without these it is no CloudEvents event: then nothing can be kept under its identity."""
_NAME = re.compile(EXTENSION_NAME)
_SCALARS = (str, int, bool, type(None))
_NAMED = {"data", *(field.encode_name for field in msgspec.structs.fields(envelope.Envelope))}
_SAID = _NAMED - {"traceparent", "importid"}


class Mark(NamedTuple):
    """What an event is told by for ever: 16-byte hashes of (object, source, id) and of its content."""

    identity: bytes
    content: bytes


class Judged(Struct, frozen=True):
    """An event with its faults (none: it may be accepted).

    ``object_id`` and ``mark`` are there when they can be known, which they are for each sound event.
    """

    raw: bytes
    event: dict[str, Any]
    faults: tuple[Fault, ...]
    object_id: str | None = None
    mark: Mark | None = None

    @property
    def source(self) -> str:
        return storable(self.event["source"])

    @property
    def id(self) -> str:
        return storable(self.event["id"])

    @property
    def type(self) -> str:
        return storable(self.event["type"])

    @property
    def reps(self) -> tuple[str, ...]:
        """Whom it credits, as far as that can be read."""
        return reps_of(self.event.get("data"))

    @property
    def topic(self) -> str:
        """The topic that a sound event goes to."""
        return ACCEPTED_FROM_CRM[self.type].name

    def fingerprint(self, outcome: str) -> bytes:
        """16 bytes for what was said, extensions aside, and what became of it: the same again is the same entry."""
        said = {name: value for name, value in self.event.items() if name in _SAID}
        text = json.dumps(said, sort_keys=True).encode()
        return hashlib.blake2b(text, digest_size=16, person=outcome.encode()).digest()


def judge(raw: bytes, door: Door) -> Judged:
    """Judge one structured-mode event. Raises NotAnEvent (pointers from the event's root) and TooDeep."""
    text.check_depth(raw)
    return _sound(raw, text.plain(raw), door) or _explained(raw, door)


def _sound(raw: bytes, event: Any, door: Door) -> Judged | None:
    """A sound event, which most are, by one decoding into its type; None where there is any doubt."""
    if not isinstance(event, dict) or not isinstance(kind := event.get("type"), str) or kind not in ACCEPTED_FROM_CRM:
        return None
    if not (read := _fitting(raw, event, kind)) or rules.faults(event, door):
        return None
    object_id = event["data"][object_key(kind)]
    content = envelope.content_hash_of(kind, read.subject, read.time, event["data"])
    mark = Mark(envelope.identity_hash(object_id, read.source, read.id), content)
    return Judged(raw, event, (), storable(object_id), mark)


def _explained(raw: bytes, door: Door) -> Judged:
    """Judge an event that may have faults: say each of them."""
    event, faults = text.parse(raw)
    _insist(event)
    raw = _with_plain_data(raw, event, faults)
    known = event["type"] in ACCEPTED_FROM_CRM
    if not known:
        faults.append(Fault("/type", "unknown-type", f"{shown(event['type'])} is no type that is taken here"))
    if not (known and _fitting(raw, event, event["type"])):
        faults += schema_faults.faults(event["type"] if known else None, event)
        if known and not faults:
            faults.append(Fault("", "schema", "the event cannot be decoded by its readers"))
    faults += rules.faults(event, door, faults)
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


@cache
def _decoder(event_type: str) -> msgspec.json.Decoder[Any]:
    """Reads an envelope whose data has no field but those of its type."""
    fields: list[tuple[str, Any, Any]] = [
        ("time", Annotated[dt.datetime, Meta(tz=True)], msgspec.NODEFAULT),
        ("subject", Annotated[str, Meta(min_length=1, max_length=256)] | None, None),
        ("data", data_type(event_type), msgspec.NODEFAULT),
    ]
    return msgspec.json.Decoder(msgspec.defstruct("Event", fields, bases=(envelope.Envelope,), kw_only=True))


def _fitting(raw: bytes, event: dict[str, Any], event_type: str) -> envelope.Envelope | None:
    """The event, if its readers can decode it, know every field's name, and the attributes keep their rules."""
    try:
        read: envelope.Envelope = _decoder(event_type).decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return None
    if not schema_faults.RFC3339.fullmatch(event["time"]):
        return None
    named = event.keys() <= _NAMED or all(
        n in _NAMED or (_NAME.match(n) and isinstance(v, _SCALARS)) for n, v in event.items()
    )
    return read if named else None


def _identified(raw: bytes, event: dict[str, Any], faults: tuple[Fault, ...]) -> Judged:
    known, data = event["type"] in ACCEPTED_FROM_CRM, event.get("data")
    object_id = data.get(object_key(event["type"])) if known and isinstance(data, dict) else None
    if not isinstance(object_id, str) or not object_id:
        return Judged(raw, event, faults)
    try:
        read = envelope.decode(raw)
        mark = Mark(envelope.identity_hash(object_id, read.source, read.id), envelope.content_hash(read))
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
        return Judged(raw, event, faults, storable(object_id))
    return Judged(raw, event, faults, storable(object_id), mark)
