"""One decoding of an event into the closed type of its own, which most events need and no more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Union

import msgspec
from msgspec import Meta, Struct

from contracts.envelope import Identifier
from contracts.json_schema import data_type
from contracts.topics import ACCEPTED_FROM_CRM
from services.ingest.domain.schema_faults import RFC3339
from services.ingest.domain.text import escapes


class Typed(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False, tag_field="type"):
    """An event that fits its type. Attributes beyond these may stand in it, too."""

    type: ClassVar[str]
    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    time: str
    subject: Annotated[str, Meta(min_length=1, max_length=256)] | None = None
    datacontenttype: str | None = None
    importid: str | None = None
    traceparent: str | None = None
    data: Any


def _of(event_type: str) -> Any:
    return msgspec.defstruct(
        "Event",
        [("data", data_type(event_type))],
        bases=(Typed,),
        namespace={"type": event_type},
        tag=event_type,
        kw_only=True,
        frozen=True,
        gc=False,
    )


_read: Callable[[bytes], Typed] = msgspec.json.Decoder(Union[tuple(map(_of, ACCEPTED_FROM_CRM))]).decode  # noqa: UP007
_instant: Callable[[str], dt.datetime] = msgspec.json.Decoder(Annotated[dt.datetime, Meta(tz=True)]).decode
_write = msgspec.json.Encoder().encode


def typed(raw: bytes) -> tuple[Typed, dt.datetime] | None:
    """The event and its ``time``, if all of its readers can decode it and know every field of its data by name."""
    try:
        read = _read(raw)
        return (read, _instant(f'"{read.time}"')) if RFC3339.fullmatch(read.time) else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def says_all(read: Typed, raw: bytes) -> bool:
    """Whether ``raw`` says nothing but this: no other attribute, nothing that holds by default, no key twice.

    Each key has a colon. Where none is escaped, a string has as many in the text as in its value: written anew, the
    event has as many as before unless a key was dropped with its own.
    """
    return not escapes(raw) and _write(read).count(b":") == raw.count(b":")
