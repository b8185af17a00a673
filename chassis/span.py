"""A span as it is recorded, and the W3C ``traceparent`` by which it is named."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$")

Kind = Literal["internal", "server", "client", "producer", "consumer"]
Value = str | int | bool


@dataclass(slots=True)
class Span:
    """One step of the work: hexadecimal ids, nanoseconds since 1970. ``links`` are the traceparents of what caused it.

    Attributes never hold names, keys, e-mail addresses or amounts: whoever may see traces may not see those.
    """

    name: str
    kind: Kind
    service: str
    trace_id: str
    span_id: str
    parent_id: str
    sampled: bool
    start_ns: int
    end_ns: int = 0
    attributes: dict[str, Value] = field(default_factory=dict)
    links: tuple[str, ...] = ()
    error: str = ""

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


def parse(traceparent: str) -> tuple[str, str, bool] | None:
    """Trace id, span id and whether it is sampled; None when it is no traceparent."""
    found = TRACEPARENT.match(traceparent)
    return (found[1], found[2], bool(int(found[3], 16) & 1)) if found else None
