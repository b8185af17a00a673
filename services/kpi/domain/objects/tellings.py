"""What is known of an object whose events each tell a part: of every field what the latest event says that has it."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from contracts.orders import Said
from contracts.sales import Attributes, EventData

_SHARED = ("rep_id", "customer_id", "territory")


class Telling(Struct, frozen=True, array_like=True):
    """The fields and attributes that one event said and no later one said anew."""

    said: Said
    fields: dict[str, str]
    attributes: Attributes


Tellings = tuple[Telling, ...]
"""From the latest to the earliest; none says what one before it does, and none says nothing."""


def tell(known: Tellings, said: Said, data: EventData, own: tuple[str, ...]) -> Tellings:
    """What is known after one more event; ``own``: the object's fields beside those that every object has.

    The result follows from the set of events alone, whatever their order: merging is a maximum per field.
    """
    fields = {name: str(value) for name in (*_SHARED, *own) if (value := getattr(data, name, None)) is not None}
    if not known:
        return (Telling(said, fields, data.attributes),)
    by_said = {telling.said: telling for telling in known} | {said: Telling(said, fields, data.attributes)}
    kept: list[Telling] = []
    spoken_of: set[tuple[bool, str]] = set()
    for one in sorted(by_said.values(), key=lambda t: t.said, reverse=True):
        new = Telling(
            one.said,
            {name: value for name, value in one.fields.items() if (False, name) not in spoken_of},
            {name: value for name, value in one.attributes.items() if (True, name) not in spoken_of},
        )
        spoken_of |= {(False, name) for name in new.fields} | {(True, name) for name in new.attributes}
        if new.fields or new.attributes:
            kept.append(new)
    return tuple(kept)


def fields_of(known: Tellings) -> dict[str, str]:
    """The fields as they stand; what nobody said is absent."""
    return {name: value for telling in known for name, value in telling.fields.items()}


def attributes_of(known: Tellings) -> Attributes:
    """The attributes as they stand."""
    found: dict[str, Any] = {name: value for telling in known for name, value in telling.attributes.items()}
    return found
