"""What incentive refuses, by name.

Exception
├── LineNotFound       no such line, or not yours to see
├── PlanNotFound       no such plan, or not one of yours
├── BadQuestion        a question that cannot be answered as asked
├── BadItems           a list with faults, each with its pointer; nothing of it was taken
├── NotYet             what was just sent is not counted yet
├── TooManyPlans       the limit of plans is reached
└── Malformed          a record of the log that is nothing of what its topic carries
"""

from __future__ import annotations

from collections.abc import Sequence

from services.incentive.domain.plans import PlanFault


class LineNotFound(Exception):
    """There is no such line, or it is not the caller's to see."""


class PlanNotFound(Exception):
    """There is no such plan, or it is not the caller's to see."""


class BadQuestion(Exception):
    """The question cannot be answered as asked."""


class BadItems(Exception):
    """Some items cannot be taken, so none was."""

    def __init__(self, faults: Sequence[PlanFault]) -> None:
        super().__init__("some of the items cannot be taken, so none was")
        self.faults = list(faults)


class NotYet(Exception):
    """What the caller waits for is not counted yet."""


class TooManyPlans(Exception):
    """The limit of plans is reached."""


class Malformed(Exception):
    """A record of the log is nothing of what its topic carries."""
