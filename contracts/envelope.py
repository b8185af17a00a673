"""The CloudEvents 1.0 envelope, and what makes two events the same one.

Source of the attribute rules: CloudEvents 1.0.2, sections 3.1 and 4.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Raw, Struct

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

ID_CHARACTERS_MAX, ID_BYTES_MAX = 256, 512
ID_LIMIT = f"at most {ID_BYTES_MAX} bytes in UTF-8"
Identifier = Annotated[str, Meta(min_length=1, max_length=ID_CHARACTERS_MAX, description=ID_LIMIT)]
"""An id that a CRM gave, compared byte by byte: 1 to 256 characters, and at most 512 bytes in UTF-8, so that several
of them fit a row of an index. The bytes are counted where ids come in: this type does not hold to them."""


class Envelope(Struct, frozen=True, gc=False):
    """The attributes that Merit reads; every other extension attribute stays in the event's own bytes.

    ``time`` is the business time, an instant with an offset. ``data`` is the untouched JSON text of the data.
    ``importid`` marks what an import brought; like every extension it is no part of the event's content.
    """

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Identifier
    time: Annotated[dt.datetime, Meta(tz=True)] | None = None
    subject: Annotated[str, Meta(max_length=256)] | None = None
    datacontenttype: str | None = None
    data: Raw = Raw(b"null")
    importid: str | None = None
    traceparent: str | None = None


class EventRef(Struct, frozen=True, order=True, gc=False):
    """What identifies an event within its object, for ever; shown wherever a figure names its causes."""

    source: str
    id: str


_NULL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
"""The escape of U+0000, which no column holds. A backslash that is escaped itself begins none."""
_decode_envelope = msgspec.json.Decoder(Envelope).decode
_canonical = msgspec.json.Encoder(order="sorted").encode


def decode(record: bytes) -> Envelope:
    """Read a structured-mode event. Raises msgspec.ValidationError (also for a null character, wherever it stands,
    for an instant outside of the calendar, and for what is nested too deep) or msgspec.DecodeError."""
    if b"\\" in record and _NULL.search(record):  # most events have no backslash, and one character is found at once
        raise msgspec.ValidationError("the character U+0000 is not allowed")
    try:
        event = _decode_envelope(record)
    except RecursionError:
        raise msgspec.ValidationError("nested too deep to be read") from None
    if event.time and not 1 < event.time.year < dt.MAXYEAR:  # an offset may lead out of the calendar
        try:
            event.time.astimezone(dt.UTC)
        except OverflowError:
            raise msgspec.ValidationError("the instant `time` is not in the calendar - at `$.time`") from None
    return event


def encode(
    *, type: str, source: str, id: str, time: dt.datetime, data: Any, subject: str | None = None, **extensions: str
) -> bytes:
    """Write an event of our own in structured mode; ``data`` is any msgspec type. ``time`` must carry an offset."""
    event: dict[str, Any] = {"specversion": "1.0", "id": id, "source": source, "type": type, "time": time}
    if subject is not None:
        event["subject"] = subject
    return msgspec.json.encode(event | extensions | {"datacontenttype": "application/json", "data": data})


def identity_hash(object_id: str, source: str, id: str) -> bytes:
    """16 bytes for (object, source, id): the identity that an accepted event holds for ever."""
    return hashlib.blake2b(msgspec.json.encode((object_id, source, id)), digest_size=16).digest()


def pair_hash(source: str, id: str) -> bytes:
    """16 bytes for (source, id): what identifies an event within its object."""
    return hashlib.blake2b(msgspec.json.encode((source, id)), digest_size=16).digest()


def object_hash(kind: str, object_id: str) -> bytes:
    """8 bytes for a business object; it tells apart only objects of which one (source, id) speaks."""
    return hashlib.blake2b(msgspec.json.encode((kind, object_id)), digest_size=8).digest()


def content_hash(event: Envelope) -> bytes:
    """16 bytes for (type, subject, time as an instant, data in canonical order): equal when a resend says the same."""
    return content_hash_of(event.type, event.subject, event.time, msgspec.json.decode(event.data))


def content_hash_of(type: str, subject: str | None, time: dt.datetime | None, data: Any) -> bytes:
    """The same of an event whose ``data`` is decoded already, as msgspec does it."""
    instant = time.astimezone(dt.UTC) if time else None
    return hashlib.blake2b(_canonical((type, subject, instant, data)), digest_size=16).digest()
