"""Whether there is room in the quarantine for what would have to be kept there."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.clock import Clock
from chassis.db import Database
from services.ingest.domain.faults import Fault
from services.ingest.domain.judge import Judged
from services.ingest.domain.outcomes import Outcome
from services.ingest.domain.room import Room, crowded
from services.ingest.handlers.fresh import Fresh
from services.ingest.store import quarantine
from services.ingest.translate import under

ToKeep = tuple[str, Judged, Outcome]
"""An event that is to be kept, with the pointer to it in its request."""


class QuarantineFull(Exception):
    """What would have to be kept finds no room: nothing was stored. ``faults`` say which events, and why them."""

    def __init__(self, sources: Sequence[str], faults: Sequence[Fault]) -> None:
        super().__init__(
            f"the quarantine has no room for more of {', '.join(sources)}: correct or discard what is open there,"
            " or send the sound events without the others; nothing was stored"
        )
        self.faults = list(faults)


class Gauge:
    """Measures the quarantine, at most once a second and only when something is to be kept.

    What comes within that second may go over a limit.
    """

    def __init__(self, database: Database, clock: Clock, room: Room) -> None:
        self.database, self.room = database, room
        self._loads = Fresh(database, clock, quarantine.load)

    async def check(self, events: Sequence[ToKeep]) -> None:
        """Raise QuarantineFull unless each of these is there already or finds room."""
        loads = await self._loads.get()
        full = crowded(self.room, loads, [(event.source, len(event.raw)) for _, event, _ in events])
        if not full:
            return
        suspects = [one for one in events if one[1].source in full]
        async with self.database.transaction(readonly=True) as conn:
            there = await quarantine.kept(conn, [event.fingerprint(outcome) for _, event, outcome in suspects])
        refused = [one for one in suspects if one[1].fingerprint(one[2]) not in there]
        if refused:
            sources = sorted({event.source for _, event, _ in refused})
            raise QuarantineFull(sources, [fault for one in refused for fault in _faults(*one)])


def _faults(prefix: str, event: Judged, outcome: Outcome) -> list[Fault]:
    if outcome == "conflict":
        return [Fault(prefix, "conflict", "another event has its source and id")]
    return under(prefix, event.faults)
