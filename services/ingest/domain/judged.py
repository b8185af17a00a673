"""What came out of judging an event: what it is, who it is, and every fault that it has."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from contracts import envelope
from contracts.topics import ACCEPTED_FROM_CRM
from services.ingest.domain.counts import reps_of
from services.ingest.domain.faults import Fault

ATTRIBUTES = {field.encode_name for field in msgspec.structs.fields(envelope.Envelope)}
"""What Merit reads of an event; everything else is an extension attribute."""
_SAID = ATTRIBUTES - {"traceparent", "importid"}


class Mark(NamedTuple):
    """What an event is told by for ever: 16-byte hashes of (object, source, id) and of its content."""

    identity: bytes
    content: bytes


class Judged(Struct, frozen=True):
    """An event with its faults (none: it may be accepted). ``source``, ``id``, ``type`` and ``object_id`` are storable.

    ``object_id`` and ``mark`` are there when they can be known, which they are for each sound event. ``values``: its
    JSON as it was read; None of most sound events, as hardly anybody asks for it.
    """

    raw: bytes
    source: str
    id: str
    type: str
    faults: tuple[Fault, ...] = ()
    object_id: str | None = None
    mark: Mark | None = None
    values: dict[str, Any] | None = None

    @property
    def event(self) -> dict[str, Any]:
        """Its JSON; of an event whose keys stand twice, with what was found of that."""
        return msgspec.json.decode(self.raw) if self.values is None else self.values

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
