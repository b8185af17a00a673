"""An id says something, and an index can hold it: one of nothing but blanks is no better than an empty one.

The types do not hold to it: a pattern costs every reader as much as all the rest of an event, and they count no bytes.
"""

from __future__ import annotations

from typing import get_type_hints

from contracts.envelope import ID_BYTES_MAX, Identifier
from contracts.topics import EVENT_TYPES
from services.ingest.domain.door import DATA, Door, Rule
from services.ingest.domain.faults import Fault
from services.ingest.domain.said import Said

SHORT = ID_BYTES_MAX // 4
"""Characters that are not too many bytes, whichever they are."""


def of_ids(event_type: str) -> Rule:
    """The rule for the ids of a type of event, and of whom its credits name."""
    hints = get_type_hints(EVENT_TYPES[event_type], include_extras=True)
    names = [name for name, hint in hints.items() if hint in (Identifier, Identifier | None)]
    credited = "credits" in hints

    def check(event: Said, door: Door) -> list[Fault]:
        found, data = [], event.data
        if event.id.isspace() or len(event.id) > SHORT:
            found += _faults("/id", event.id)
        if event.source.isspace() or len(event.source) > SHORT:
            found += _faults("/source", event.source)
        for name in names:
            if (value := getattr(data, name)) and (value.isspace() or len(value) > SHORT):
                found += _faults(f"/data/{name}", value)
        if credited:
            for index, credit in enumerate(data.credits):
                if credit.rep_id.isspace() or len(credit.rep_id) > SHORT:
                    found += _faults(f"/data/credits/{index}/rep_id", credit.rep_id)
        return found

    return Rule(DATA + rf"|/id|/source|/data/({'|'.join(names)})|/data/credits(/\d+(/rep_id)?)?", check)


def _faults(where: str, value: str) -> list[Fault]:
    if value.isspace():
        return [Fault(where, "blank", "an id has characters that can be seen")]
    if (size := len(value.encode())) > ID_BYTES_MAX:
        return [Fault(where, "too-long", f"has {size} bytes in UTF-8; the limit is {ID_BYTES_MAX}")]
    return []
