"""Sound events of every type, each an event of its own."""

from __future__ import annotations

import copy
import itertools
from typing import Any

from contracts import golden as committed
from contracts.topics import object_key

_numbers = itertools.count(1)


def golden(event_type: str, **event: Any) -> dict[str, Any]:
    """The golden example of a type with an id and an object of its own; keywords replace attributes of the event."""
    made = copy.deepcopy(committed.example(event_type))
    number = next(_numbers)
    made["id"] = f"golden-{number}"
    made["data"][object_key(event_type)] = f"object-{number}"
    return made | event
