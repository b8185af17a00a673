"""What becomes of each event of a request: accepted, duplicate, quarantined or conflict; in the order sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from services.ingest.domain.judged import Judged

Outcome = Literal["accepted", "duplicate", "quarantined", "conflict"]
OUTCOMES: tuple[Outcome, ...] = ("accepted", "duplicate", "quarantined", "conflict")


class First(Struct, frozen=True, gc=False):
    """The first event of an identity that we know of: the hash of its content and where it lies on the log."""

    content: bytes
    topic: str
    partition: int
    offset: int


def decide(judged: Sequence[Judged], known: Mapping[bytes, First]) -> list[Outcome]:
    """The outcome of each, given the firsts of earlier requests.

    A resend of what was accepted is a duplicate, even if a policy of today would find fault with it. What has a
    fault takes no identity.
    """
    contents = {identity: first.content for identity, first in known.items()}
    outcomes: list[Outcome] = []
    for event in judged:
        first = contents.get(event.mark.identity) if event.mark else None
        if event.mark and first == event.mark.content:
            outcomes.append("duplicate")
        elif event.faults or event.mark is None:
            outcomes.append("quarantined")
        elif first is not None:
            outcomes.append("conflict")
        else:
            contents[event.mark.identity] = event.mark.content
            outcomes.append("accepted")
    return outcomes


def settle(
    judged: Sequence[Judged], outcomes: Sequence[Outcome], ours: Mapping[bytes, First], stored: Mapping[bytes, First]
) -> list[Outcome]:
    """The outcomes after the append, when another request may have come first with the same identity.

    ``ours``: where this request's accepted events lie; ``stored``: the first of each identity as it is kept now. Ours
    lies on the log all the same: its readers see it as the duplicate, or the conflict, that it is.
    """
    settled = list(outcomes)
    for index, event in enumerate(judged):
        if outcomes[index] == "accepted" and event.mark:
            first = stored[event.mark.identity]
            if first.offset < ours[event.mark.identity].offset:
                settled[index] = "duplicate" if first.content == event.mark.content else "conflict"
    return settled
