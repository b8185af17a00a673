"""Writing down what neither the log nor its identities say: the quarantine, what is resolved by it, and the counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chassis.clock import Clock
from chassis.db import Connection
from services.ingest.domain.counts import Counts
from services.ingest.domain.entries import Entry
from services.ingest.domain.judged import Judged
from services.ingest.domain.outcomes import Outcome
from services.ingest.store import counts as counted
from services.ingest.store import quarantine

KEPT, SOUND = ("quarantined", "conflict"), ("accepted", "duplicate")


@dataclass(frozen=True)
class Recorder:
    """Writes what became of a request's events, in the transaction that it is given."""

    clock: Clock
    zone: ZoneInfo

    def counts(self, now: dt.datetime) -> Counts:
        """Nothing counted yet, for the local day."""
        return Counts(now.astimezone(self.zone).date())

    async def record(
        self,
        conn: Connection,
        judged: Sequence[Judged],
        decided: Sequence[Outcome],
        outcomes: Sequence[Outcome],
        sender: str,
    ) -> dict[bytes, str]:
        """``decided``: the outcomes before the append; ``outcomes``: those after it. Returns each entry's id by its
        fingerprint."""
        now = self.clock.now()
        entries = [self._entry(e, o, now) for e, o in zip(judged, outcomes, strict=True) if o in KEPT]
        fresh = await quarantine.keep(conn, entries) if entries else set()
        kept = await quarantine.kept(conn, [e.fingerprint for e in entries]) if entries else {}
        counts = self.counts(now)
        _count(counts, judged, decided, outcomes, fresh)
        await self.supersede(conn, [e for e, o in zip(judged, outcomes, strict=True) if o in SOUND], sender, counts)
        await counted.add(conn, counts)
        return kept

    async def supersede(self, conn: Connection, sound: Sequence[Judged], actor: str, counts: Counts) -> None:
        """What waits in quarantine under the identity of a sound event is resolved by it."""
        if waiting := sorted({(e.source, e.id, e.object_id or "") for e in sound}):
            for source, type_, reps in await quarantine.resolve(conn, waiting, actor, self.clock.now()):
                counts.add("resolved", source, type_, reps)

    def _entry(self, event: Judged, outcome: Outcome, now: dt.datetime) -> Entry:
        return Entry(
            quarantine_id=self.clock.new_id(),
            fingerprint=event.fingerprint(outcome),
            outcome="conflict" if outcome == "conflict" else "quarantined",
            source=event.source,
            id=event.id,
            type=event.type,
            object_id=event.object_id,
            reps=event.reps,
            received_at=now,
            event=event.raw,
            faults=event.faults,
            faults_as_sent=event.faults,
        )


def _count(
    counts: Counts, judged: Sequence[Judged], decided: Sequence[Outcome], outcomes: Sequence[Outcome], fresh: set[bytes]
) -> None:
    """Count what is not on the log; what was put there its readers count, whatever it turned out to be."""
    left = set(fresh)
    for event, before, outcome in zip(judged, decided, outcomes, strict=True):
        if before == "accepted" or outcome == "accepted":
            continue
        new = outcome != "duplicate" and (fingerprint := event.fingerprint(outcome)) in left
        if new:
            left.discard(fingerprint)
        counts.add(outcome if new else "duplicate", event.source, event.type, event.reps)
