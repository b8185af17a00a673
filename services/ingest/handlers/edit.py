"""Correcting, resubmitting and discarding entries of the quarantine: one, or many at once.

What is to be accepted is written down first (the correction, ``submitted``), then put on the log, and only then is the
entry resolved. A crash in between leaves an entry that only resubmitting can move on, with the very same event: the
log's readers count it once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis.db import Connection, Database
from services.ingest.domain import edits
from services.ingest.domain.corrections import CorrectionNotValid
from services.ingest.domain.edits import (
    REFUSALS,
    Change,
    EditOutcome,
    EntryChanged,
    Plan,
    Step,
    UnknownEntry,
    Wanted,
)
from services.ingest.domain.entries import Edit, Entry, EntryFilter
from services.ingest.domain.judged import Judged
from services.ingest.domain.outcomes import First, settle
from services.ingest.handlers.accept import Intake, position_of
from services.ingest.handlers.record import SOUND
from services.ingest.store import counts as counted
from services.ingest.store import edits as stored
from services.ingest.store import quarantine, seen

ENTRIES_MAX = 500
"""Entries of one bulk edit."""
CHUNK_ENTRIES = 50
"""Entries that are held in memory, and written in one transaction."""


@dataclass(frozen=True, slots=True)
class Editor:
    """Who edits, and whose entries they see (None: every source's)."""

    actor: str
    visible_source: str | None


@dataclass(frozen=True, slots=True)
class Edited:
    """What became of an entry, or in a dry run would: the outcome and the entry after it, or why nothing was done."""

    outcome: EditOutcome | None
    entry: Entry | None = None
    refusal: Exception | None = None
    first: First | None = None


Results = dict[str, Edited]


@dataclass(frozen=True)
class Editing:
    """The edits; what they accept goes through the same door as what is sent."""

    intake: Intake

    @property
    def database(self) -> Database:
        return self.intake.database

    async def one(self, wanted: Wanted, change: Change, by: Editor) -> tuple[Edited, str]:
        """Edit one entry; with the position at which what was accepted has been read.

        Raises one of REFUSALS, CorrectionNotValid, LogUnavailable and DatabaseUnavailable.
        """
        results, position = await self.many([wanted], change, by)
        edited = results[wanted.quarantine_id]
        if edited.refusal:
            raise edited.refusal
        return edited, position

    async def matching(self, wanted: EntryFilter, after: str) -> tuple[list[Wanted], str | None]:
        """The oldest entries that match, ENTRIES_MAX at most, behind a cursor; and the cursor of the next ones."""
        async with self.database.transaction(readonly=True) as conn:
            ids = await quarantine.oldest(conn, wanted, after, ENTRIES_MAX + 1)
        return [Wanted(i) for i in ids[:ENTRIES_MAX]], ids[ENTRIES_MAX - 1] if len(ids) > ENTRIES_MAX else None

    async def many(
        self, wanted: Sequence[Wanted], change: Change, by: Editor, dry_run: bool = False
    ) -> tuple[Results, str]:
        """Edit entries, each for itself, in the order given; a ``dry_run`` changes nothing.

        Raises LogUnavailable and DatabaseUnavailable with some of them done: doing all of it again is safe.
        """
        results: Results = {}
        waiting = list(wanted)
        while waiting:
            chunk, waiting = waiting[:CHUNK_ENTRIES], waiting[CHUNK_ENTRIES:]
            plans, refused = await self._plan(chunk, change, by)
            if dry_run:
                results |= refused | await self._try(plans, by)
            else:
                plans, later = edits.first_of_identity(plans)
                waiting = [Wanted(p.entry.quarantine_id, p.entry.revision) for p in later] + waiting
                results |= refused | await self._carry_out(plans, by)
            await asyncio.sleep(0)
        return results, position_of(e.first for e in results.values() if e.first)

    async def _plan(self, wanted: Sequence[Wanted], change: Change, by: Editor) -> tuple[list[Plan], Results]:
        door = await self.intake.door()
        async with self.database.transaction(readonly=True) as conn:
            entries = await quarantine.found(conn, [w.quarantine_id for w in wanted], by.visible_source)
        plans: list[Plan] = []
        refused: Results = {}
        for one in wanted:
            try:
                if one.quarantine_id not in entries:
                    raise UnknownEntry("no such entry")
                plans.append(edits.plan(entries[one.quarantine_id], one, change, door))
            except (*REFUSALS, CorrectionNotValid) as error:
                refused[one.quarantine_id] = Edited(None, entries.get(one.quarantine_id), error)
        return plans, refused

    async def _try(self, plans: Sequence[Plan], by: Editor) -> Results:
        async with self.database.transaction(readonly=True) as conn:
            known = await _firsts(conn, plans)
        return {
            step.after.quarantine_id: Edited(step.outcome, step.after)
            for step in edits.steps(plans, known, by.actor, self.intake.clock.now())
        }

    async def _carry_out(self, plans: Sequence[Plan], by: Editor) -> Results:
        async with self.database.transaction() as conn:
            plans, results = await _lock(conn, plans)
            known = await _firsts(conn, plans)
            steps = edits.steps(plans, known, by.actor, self.intake.clock.now())
            same = [s.plan.judged for s in steps if s.outcome == "duplicate" and s.plan.judged]
            await self._save(conn, [(step.after, step.edit) for step in steps], same, by)
        for step in steps:
            results[step.after.quarantine_id] = Edited(step.outcome, step.after, first=_first(step, known))
        return results | await self._submit([step for step in steps if step.outcome == "accepted"], by)

    async def _submit(self, steps: Sequence[Step], by: Editor) -> Results:
        """Put what is submitted on the log, and resolve its entries, unless somebody else has done so meanwhile."""
        events = [step.plan.judged for step in steps if step.plan.judged]
        if not events:
            return {}
        ours = await self.intake.append(events)
        async with self.database.transaction() as conn:
            firsts = await seen.remember(conn, ours)
            outcomes = settle(events, ["accepted"] * len(events), ours, firsts)
            entries = await quarantine.found(conn, [s.after.quarantine_id for s in steps], None, lock=True)
            now = self.intake.clock.now()
            ended = [
                edits.appended(entries[step.after.quarantine_id], outcome, _place(step, ours), by.actor, now)
                for step, outcome in zip(steps, outcomes, strict=True)
                if entries[step.after.quarantine_id].submitted
            ]
            sound = [event for event, outcome in zip(events, outcomes, strict=True) if outcome in SOUND]
            await self._save(conn, ended, sound, by)
        entries |= {entry.quarantine_id: entry for entry, _ in ended}
        return {
            (i := step.after.quarantine_id): Edited(outcome, entries[i], first=_first(step, firsts))
            for step, outcome in zip(steps, outcomes, strict=True)
        }

    async def _save(
        self, conn: Connection, edited: Sequence[tuple[Entry, Edit]], sound: Sequence[Judged], by: Editor
    ) -> None:
        """Write entries and their histories; what else waits under the identity of a sound event is resolved by it."""
        recorder = self.intake.recorder
        counts = recorder.counts(self.intake.clock.now())
        await stored.save(conn, edited)
        for entry, _ in edited:
            if entry.state != "open":
                counts.add(entry.state, entry.source, entry.type, entry.reps)
        await recorder.supersede(conn, sound, by.actor, counts)
        await counted.add(conn, counts)


async def _lock(conn: Connection, plans: Sequence[Plan]) -> tuple[list[Plan], Results]:
    """The plans whose entries are as they were read, locked; of the others, that they have changed."""
    now = await quarantine.found(conn, [p.entry.quarantine_id for p in plans], None, lock=True)
    same = [p for p in plans if now[p.entry.quarantine_id].revision == p.entry.revision]
    changed = {i: Edited(None, entry, EntryChanged("somebody else has just changed it")) for i, entry in now.items()}
    return same, {i: edited for i, edited in changed.items() if i not in {p.entry.quarantine_id for p in same}}


async def _firsts(conn: Connection, plans: Sequence[Plan]) -> dict[bytes, First]:
    return await seen.firsts(conn, {p.judged.mark.identity for p in plans if p.judged and p.judged.mark})


def _first(step: Step, firsts: Mapping[bytes, First]) -> First | None:
    """Where the event lies that counts for this identity, if it says the same."""
    mark = step.plan.judged.mark if step.plan.judged else None
    first = firsts.get(mark.identity) if mark else None
    return first if first and mark and first.content == mark.content else None


def _place(step: Step, ours: Mapping[bytes, First]) -> str:
    assert step.plan.judged
    assert step.plan.judged.mark
    first = ours[step.plan.judged.mark.identity]
    return f"{first.topic}.{first.partition}.{first.offset}"
