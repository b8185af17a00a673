"""HTTP → events, by the CloudEvents 1.0 binding in structured, batch and binary mode (its sections 3.1 to 3.3);
decisions → announcements."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

import msgspec
from msgspec import Raw

from chassis.outbox import Announcement
from contracts import custom_fields as contract
from contracts import envelope
from contracts.envelope import BATCH, STRUCTURED
from contracts.quality import DOOR_COUNTED, DoorCount
from contracts.topics import CUSTOM_FIELDS, DOOR_COUNTS
from services.ingest.domain.custom_fields import CustomField
from services.ingest.domain.faults import Fault, NotAnEvent
from services.ingest.domain.text import DECODER, EVENT_BYTES_MAX, TooDeep

EVENTS_MAX = 1_000
"""Events in one batch."""

Headers = Sequence[tuple[bytes, bytes]]

_raw = msgspec.json.Decoder(Raw).decode
_raws = msgspec.json.Decoder(list[Raw]).decode
_SPACE = re.compile(r"[ \t\n\r]*")
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_PREFIX = b"ce-"


SOURCE = "/merit/ingest"


class UnsupportedMediaType(Exception):
    """The content type, charset or content encoding is none that is taken."""


class TooManyEvents(Exception):
    """A batch of more than EVENTS_MAX events."""


class EventTooLarge(Exception):
    """An event of more than EVENT_BYTES_MAX bytes."""


@dataclass(frozen=True, slots=True)
class Sent:
    """What a request brought: each event's own bytes in structured mode, in the order sent."""

    events: Sequence[bytes]
    batch: bool = False


def check_media(headers: Headers) -> str:
    """The media type of a request, in lower case. Raises UnsupportedMediaType before any of the body is read."""
    encoding = _header(headers, b"content-encoding").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(f"content-encoding {encoding[:40]} is not taken; send it as it is")
    kind, *parameters = _header(headers, b"content-type").lower().split(";")
    kind = kind.strip()
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in ("utf-8", "utf8"):
            raise UnsupportedMediaType("the charset is utf-8")
    if kind not in (STRUCTURED, BATCH) and (kind.startswith("application/cloudevents") or not _is_json(kind)):
        raise UnsupportedMediaType(f"send {STRUCTURED}, {BATCH}, or application/json with ce- headers")
    return kind


def read(kind: str, headers: Headers, body: bytes) -> Sent:
    """The events of a body. Raises NotAnEvent, TooManyEvents, EventTooLarge and TooDeep."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise NotAnEvent("not JSON: the body is no UTF-8") from error
    if kind == BATCH:
        return Sent(_sized(_batch(body)), batch=True)
    return Sent(_sized([body if kind == STRUCTURED else _binary(headers, body)]))


def _batch(body: bytes) -> list[bytes]:
    try:
        items = [bytes(item) for item in _raws(body)]
    except msgspec.ValidationError as error:
        raise NotAnEvent("a batch is a JSON array of events") from error
    except RecursionError as error:
        raise TooDeep("nested too deep") from error
    except msgspec.DecodeError:
        items = _split(body.decode())
    if len(items) > EVENTS_MAX:
        raise TooManyEvents(f"a batch has at most {EVENTS_MAX} events; this one has {len(items)}")
    return items


def _split(text: str) -> list[bytes]:
    """The items of an array, as Python's decoder sees them: it takes half a surrogate pair, to be found as a fault."""
    items: list[bytes] = []
    position = _skip(text, 0)
    if not text.startswith("[", position):
        raise NotAnEvent("not JSON: a batch is a JSON array of events")
    position = _skip(text, position + 1)
    while not (text.startswith("]", position) and not items):
        end = _value_end(text, position, f"/{len(items)}")
        items.append(text[position:end].encode())
        if len(items) > EVENTS_MAX:
            return items
        position = _skip(text, end)
        if not text.startswith(",", position):
            break
        position = _skip(text, position + 1)
    if not text.startswith("]", position) or _skip(text, position + 1) != len(text):
        raise NotAnEvent("not JSON: the array does not end as it should")
    return items


def _value_end(text: str, position: int, where: str) -> int:
    """Where the JSON value that begins here ends."""
    try:
        return DECODER.raw_decode(text, position)[1]
    except RecursionError as error:
        raise TooDeep("nested too deep") from error
    except ValueError as error:
        raise NotAnEvent(f"not JSON: {error}"[:200], [Fault(where, "not-json", "no JSON value")]) from error


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _binary(headers: Headers, body: bytes) -> bytes:
    """The event of a binary-mode request, as structured JSON; every attribute is text there."""
    attributes: dict[str, str] = {}
    faults: list[Fault] = []
    for name, value in headers:
        if name.lower().startswith(_PREFIX):
            attribute = name[len(_PREFIX) :].decode("latin-1").lower()
            if attribute in attributes:
                faults.append(Fault(f"/{attribute}", "repeated", "this header stands more than once"))
            try:
                attributes[attribute] = _unescaped(value)
            except UnicodeDecodeError:
                faults.append(Fault(f"/{attribute}", "not-utf-8", "percent-decoded, this is no UTF-8"))
    if faults:
        raise NotAnEvent("the ce- headers are not those of a CloudEvents event", faults)
    return _assembled(attributes, _header(headers, b"content-type"), body)


def _assembled(attributes: dict[str, str], content_type: str, body: bytes) -> bytes:
    for taken in ("data", "data_base64"):
        if attributes.pop(taken, None) is not None:
            raise NotAnEvent("data is the body, not a header", [Fault(f"/{taken}", "bad-name", "no attribute's name")])
    event: dict[str, object] = {**attributes, "datacontenttype": content_type}
    if body.strip():
        event["data"] = Raw(_one_value(body))
    return msgspec.json.encode(event)


def _one_value(body: bytes) -> bytes:
    """The body, if it is one JSON value and nothing beside it: it is about to be put between other text."""
    try:
        return bytes(_raw(body))
    except RecursionError as error:
        raise TooDeep("nested too deep") from error
    except msgspec.DecodeError as error:
        text = body.decode()
        start = _skip(text, 0)
        end = _value_end(text, start, "/data")
        if _skip(text, end) != len(text):
            raise NotAnEvent("not JSON: the body goes on after its value") from error
        return text[start:end].encode()


def _unescaped(value: bytes) -> str:
    """A header's text: the quotes of a quoted string taken off, then percent-decoded once."""
    value = value.strip()
    if len(value) >= 2 and value.startswith(b'"') and value.endswith(b'"'):
        value = _QUOTED_PAIR.sub(rb"\1", value[1:-1])
    return unquote_to_bytes(value).decode()


def _is_json(kind: str) -> bool:
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))


def _sized(events: list[bytes]) -> list[bytes]:
    for index, event in enumerate(events):
        if len(event) > EVENT_BYTES_MAX:
            raise EventTooLarge(f"event {index} has {len(event)} bytes; the limit is {EVENT_BYTES_MAX}")
    return events


def _header(headers: Headers, name: bytes) -> str:
    return b", ".join(value for key, value in headers if key.lower() == name).decode("latin-1")


def prefers_strict(headers: Headers) -> bool:
    """Whether the request says ``Prefer: handling=strict`` (RFC 7240)."""
    return any(_handling(part) == "strict" for part in _header(headers, b"prefer").lower().split(","))


def _handling(preference: str) -> str | None:
    name, _, value = preference.split(";")[0].partition("=")
    return value.strip().strip('"') if name.strip() == "handling" else None


def under(prefix: str, faults: Iterable[Fault]) -> list[Fault]:
    """The faults of an event as faults of the request that it stands in."""
    return [Fault(prefix + fault.pointer, fault.code, fault.detail) for fault in faults]


def custom_field_declared(field: CustomField) -> Announcement:
    """A declaration as it stands now, for ``custom-fields``; its id names name and version: a resend is a duplicate."""
    event = envelope.encode(
        type=contract.CUSTOM_FIELD_DECLARED,
        source=SOURCE,
        id=f"{field.name}/{field.version}",
        time=field.decided_at,
        subject=field.name,
        data=contract.CustomField(
            name=field.name,
            version=field.version,
            type=field.type,
            required=field.required,
            event_types=list(field.event_types),
            active=field.active,
            decided_at=field.decided_at,
        ),
    )
    return Announcement(CUSTOM_FIELDS.name, field.name, event)


def door_counted(count: DoorCount, now: dt.datetime) -> Announcement:
    """Totals for ``door-counts``; they only grow, so that their sum tells one record of them from the next."""
    total = count.duplicate + count.quarantined + count.conflict + count.resolved + count.discarded
    event = envelope.encode(
        type=DOOR_COUNTED, source=SOURCE, id=f"{count.count_id}/{total}", time=now, subject=count.count_id, data=count
    )
    return Announcement(DOOR_COUNTS.name, count.count_id, event)
