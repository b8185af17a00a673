"""The required-fields policy of an event type."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.ingest.domain.faults import Fault, pointer, shown

POINTERS_MAX = 100


@dataclass(frozen=True, slots=True)
class Policy:
    """What must be filled in, as JSON pointers from the event's root; version 0 is "nothing was ever decided"."""

    version: int
    required: tuple[str, ...]
    decided_by: str | None = None
    decided_at: dt.datetime | None = None

    @property
    def etag(self) -> str:
        """Changes with each decision."""
        return f'"{self.version}"'


NO_POLICY = Policy(0, ())


def policy_faults(pointers: Sequence[str], schema: dict[str, Any]) -> list[Fault]:
    """What is wrong with a policy: a pointer that leads to no field of the type, or stands twice."""
    faults = []
    for index, text in enumerate(pointers):
        if text in pointers[:index]:
            faults.append(Fault(pointer(("required", index)), "repeated", f"{shown(text)} stands here already"))
        elif not _leads_to_a_field(text, schema):
            faults.append(
                Fault(pointer(("required", index)), "unknown-field", f"{shown(text)} leads to no field of this type")
            )
    return faults


def _leads_to_a_field(text: str, schema: dict[str, Any]) -> bool:
    steps = text.split("/")
    if steps[0] != "" or len(steps) < 2:
        return False
    place: Any = schema
    for step in steps[1:]:
        place = schema["$defs"][place["$ref"].rsplit("/", 1)[1]] if "$ref" in place else place
        name = step.replace("~1", "/").replace("~0", "~")
        if name in place.get("properties", {}):
            place = place["properties"][name]
        elif place is not schema and place.get("type") == "object" and place.get("additionalProperties") and name:
            place = {}
        else:
            return False
    return True
