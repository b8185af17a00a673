"""What an event says, as its rules read it: by the names of its type, whether it fits its type or not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct


class Said(Struct, frozen=True, gc=False):
    """What rules read of an event.

    ``data``: its fields as attributes, None where it does not say them or says null, unless its type has a default.
    ``time``: None where it is no instant. ``values``: the event as JSON; None: it is all of its type, and ``whole``
    reads it for whoever needs it.
    """

    raw: bytes
    source: str
    id: str
    type: str
    time: dt.datetime | None
    datacontenttype: Any
    data: Any
    values: Mapping[str, Any] | None = None

    def whole(self) -> Mapping[str, Any]:
        """The event as JSON."""
        found: Mapping[str, Any] = msgspec.json.decode(self.raw) if self.values is None else self.values
        return found


class Loose(dict[str, Any]):
    """A JSON object that may not fit its type, with its fields as attributes: None where they are absent."""

    def __getattr__(self, name: str) -> Any:
        return _loose(self.get(name))


def loosely(raw: bytes, event: dict[str, Any]) -> Said:
    """What an event says that may have any fault."""
    data = _loose(event.get("data"))
    return Said(
        raw,
        event["source"],
        event["id"],
        str(event.get("type")),
        _instant(event.get("time")),
        event.get("datacontenttype"),
        data if isinstance(data, Loose) else Loose(),
        event,
    )


def _loose(value: Any) -> Any:
    if isinstance(value, dict):
        return Loose(value)
    return [_loose(one) for one in value] if isinstance(value, list) else value


def _instant(value: Any) -> dt.datetime | None:
    try:
        return msgspec.convert(value, dt.datetime)
    except msgspec.ValidationError:
        return None
