"""What a service says when it is asked whether it keeps its promises."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from chassis.metric_names import VERIFICATION_FAILED


@dataclass(frozen=True, slots=True)
class Check:
    """One line for ``merit verify``: what was compared, how much of it, and what is wrong (nothing when ``ok``)."""

    check: str
    ok: bool
    examined: int
    detail: str


def told(what: str, checks: Sequence[Check]) -> list[dict[str, Any]]:
    """The lines as JSON values; how many failed is also measured, under the name of what was checked."""
    VERIFICATION_FAILED.set(sum(not c.ok for c in checks), what)
    return [asdict(check) for check in checks]
