"""An id says something: one of nothing but blanks is no better than an empty one.

The types do not hold to it: a pattern costs every reader as much as all the rest of an event.
"""

from __future__ import annotations

from typing import get_type_hints

from contracts.envelope import Identifier
from contracts.topics import EVENT_TYPES
from services.ingest.domain.door import DATA, Door, Rule
from services.ingest.domain.faults import Fault
from services.ingest.domain.said import Said


def not_blank(event_type: str) -> Rule:
    """The rule for the ids of a type of event, and of whom its credits name."""
    hints = get_type_hints(EVENT_TYPES[event_type], include_extras=True)
    names = [name for name, hint in hints.items() if hint in (Identifier, Identifier | None)]
    credited = "credits" in hints

    def check(event: Said, door: Door) -> list[Fault]:
        found, data = [], event.data
        if event.id.isspace():
            found.append(_blank("/id"))
        if event.source.isspace():
            found.append(_blank("/source"))
        for name in names:
            if (value := getattr(data, name)) and value.isspace():
                found.append(_blank(f"/data/{name}"))
        if credited:
            for index, credit in enumerate(data.credits):
                if credit.rep_id.isspace():
                    found.append(_blank(f"/data/credits/{index}/rep_id"))
        return found

    return Rule(DATA + rf"|/id|/source|/data/({'|'.join(names)})|/data/credits(/\d+(/rep_id)?)?", check)


def _blank(where: str) -> Fault:
    return Fault(where, "blank", "an id has characters that can be seen")
