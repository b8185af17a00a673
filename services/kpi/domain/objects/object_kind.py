"""The shape that every business object has here: events are learnt into a history, and facts are read off it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts.envelope import Envelope
from services.kpi.domain.facts import Fact

WAITING = "waiting"
"""The status of an object of which events are known, but not the one that it begins with."""
NOTHING = Decimal(0)

History = TypeVar("History")


class Standing(Struct, frozen=True):
    """An object as it stands: its status, its facts, and how much was claimed beyond what there was."""

    status: str
    facts: list[Fact]
    excess: Decimal = NOTHING


@dataclass(frozen=True, slots=True)
class ObjectKind(Generic[History]):
    """A kind of business object, whose events lie on one topic.

    ``id_field``: the field of every event's data that names the object. ``learn`` merges one event into what is known:
    commutative, associative and idempotent, so that arrival order, batching and repetition cannot matter. ``stand``
    reads the object off what is known. ``restating``: the types of event that change what an earlier one had said;
    None: every event after the first does.
    """

    name: str
    topic: str
    id_field: str
    events: Mapping[str, type[Struct]]
    learn: Callable[[History | None, Envelope, Any, ZoneInfo], History]
    stand: Callable[[History], Standing]
    pack: Callable[[History], bytes]
    unpack: Callable[[bytes], History]
    restating: frozenset[str] | None = frozenset()

    def restates(self, event: Envelope, known: bool) -> bool:
        """Whether an event changes what was said before; ``known``: an earlier event of the object is."""
        return known if self.restating is None else event.type in self.restating
