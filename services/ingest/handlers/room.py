"""Whether there is room in the quarantine for what would have to be kept there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.clock import Clock
from chassis.db import Database
from services.ingest.domain.faults import Fault
from services.ingest.domain.judged import Judged
from services.ingest.domain.outcomes import Outcome
from services.ingest.domain.room import Load, Room, crowded
from services.ingest.handlers.fresh import FRESH_SECONDS
from services.ingest.store import quarantine
from services.ingest.translate import under

SHARE_OF_TIME = 0.05
"""Measuring takes longer the more is open; it takes no more of a process's time than this."""
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
    """Measures the quarantine, only when something is to be kept: at most once a second, and never for more than a part
    of the time. What comes in between may go over a limit.
    """

    def __init__(self, database: Database, clock: Clock, room: Room) -> None:
        self.database, self.clock, self.room = database, clock, room
        self._loads: Mapping[str, Load] = {}
        self._again_at = float("-inf")

    async def check(self, events: Sequence[ToKeep]) -> None:
        """Raise QuarantineFull unless each of these is there already or finds room."""
        loads = await self._measure()
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

    async def _measure(self) -> Mapping[str, Load]:
        now = self.clock.monotonic()
        if now >= self._again_at:
            async with self.database.transaction(readonly=True) as conn:
                self._loads = await quarantine.load(conn)
            took = self.clock.monotonic() - now
            self._again_at = now + max(FRESH_SECONDS, took / SHARE_OF_TIME)
        return self._loads


def _faults(prefix: str, event: Judged, outcome: Outcome) -> list[Fault]:
    if outcome == "conflict":
        return [Fault(prefix, "conflict", "another event has its source and id")]
    return under(prefix, event.faults)
