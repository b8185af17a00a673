"""How the domain says no: with a place and a reason for each thing that is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in what was sent: a JSON pointer, a stable code, and a sentence for a person."""

    pointer: str
    code: str
    detail: str


class NotValid(Exception):
    """What was sent cannot be: nothing of it was kept."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = list(faults)
        super().__init__("; ".join(fault.detail for fault in self.faults[:3]))


def refuse_if(faults: Sequence[Fault]) -> None:
    """Raise NotValid when there is any fault."""
    if faults:
        raise NotValid(faults)
