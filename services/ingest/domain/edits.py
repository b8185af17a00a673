"""What can be done about an entry of the quarantine: correct, resubmit, discard; each decision is a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import msgspec

from services.ingest.domain.corrections import Patch, corrected, undoing, written
from services.ingest.domain.door import Door
from services.ingest.domain.entries import Action, Edit, Entry, State
from services.ingest.domain.judge import judge
from services.ingest.domain.judged import Judged
from services.ingest.domain.outcomes import First, Outcome, decide

EDITS_MAX = 200
"""Revisions of one entry; then it can only be discarded."""
_DONE: Mapping[str, Action] = {"correct": "corrected", "resubmit": "resubmitted", "discard": "discarded"}


EditOutcome: TypeAlias = Outcome | Literal["discarded"]


class UnknownEntry(Exception):
    """No entry of this id is there, or none that the caller may see."""


class EntryChanged(Exception):
    """The entry is at another revision by now than the caller has read."""


class EntryClosed(Exception):
    """The entry is resolved or discarded: nothing is left to do about it."""


class EntrySubmitted(Exception):
    """An edit was interrupted while it put the event on the log: only resubmitting, which is safe, can tell."""


class TooManyEdits(Exception):
    """The entry has EDITS_MAX revisions."""


REFUSALS = (UnknownEntry, EntryChanged, EntryClosed, EntrySubmitted, TooManyEdits)


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entry to edit; ``revision``: only while it is at this one."""

    quarantine_id: str
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What to do, the same for each entry. ``patch`` is there to correct, ``reason`` at least to discard."""

    action: Literal["correct", "resubmit", "discard"]
    patch: Patch | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """An edit that may be made: the entry as it was read, and the event to submit (None: it is discarded)."""

    entry: Entry
    change: Change
    judged: Judged | None
    undo: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An edit that is made: what its event was judged, the entry after it, and the line of its history."""

    plan: Plan
    outcome: EditOutcome
    after: Entry
    edit: Edit


def check(entry: Entry, wanted: Wanted, change: Change) -> None:
    """Raise one of REFUSALS when the entry cannot be edited so."""
    if wanted.revision not in (None, entry.revision):
        raise EntryChanged(f"the entry is at revision {entry.revision}; read it again")
    if entry.state != "open":
        raise EntryClosed(f"the entry is {entry.state}")
    if entry.submitted and change.action != "resubmit":
        raise EntrySubmitted("an earlier edit may have put it on the log: resubmit it, which is safe")
    if entry.revision >= EDITS_MAX and change.action != "discard":
        raise TooManyEdits(f"an entry can be edited {EDITS_MAX} times")


def plan(entry: Entry, wanted: Wanted, change: Change, door: Door) -> Plan:
    """What an edit comes to, judged by today's rules. Raises one of REFUSALS, and CorrectionNotValid."""
    check(entry, wanted, change)
    if change.action == "discard":
        return Plan(entry, change, None)
    standing = judge(entry.standing, door)
    if change.patch is not None:
        found = corrected(entry, standing.event, change.patch, door)
        return Plan(entry, change, found, undoing(standing.event, change.patch))
    # It was sound when it was submitted, and may be on the log: a policy that came since cannot take that back.
    return Plan(entry, change, msgspec.structs.replace(standing, faults=()) if entry.submitted else standing)


def first_of_identity(plans: Sequence[Plan]) -> tuple[list[Plan], list[Plan]]:
    """The plans that can be carried out at once, and those that have to wait for one of the same identity."""
    taken: set[bytes] = set()
    first: list[Plan] = []
    later: list[Plan] = []
    for one in plans:
        identity = one.judged.mark.identity if one.judged and one.judged.mark else None
        (later if identity in taken else first).append(one)
        if identity is not None:
            taken.add(identity)
    return first, later


def steps(plans: Sequence[Plan], known: Mapping[bytes, First], actor: str, now: dt.datetime) -> list[Step]:
    """Carry plans out, given the firsts of their identities."""
    outcomes = iter(decide([p.judged for p in plans if p.judged], known))
    return [_step(p, next(outcomes) if p.judged else "discarded", actor, now) for p in plans]


def _step(plan: Plan, outcome: EditOutcome, actor: str, now: dt.datetime) -> Step:
    """What is accepted stays open until it is on the log."""
    entry, change = plan.entry, plan.change
    after = _judged(entry, plan.judged, outcome, now) if plan.judged else _closed(entry, "discarded", now)
    if plan.judged and change.patch is not None:
        after = replace(after, correction=plan.judged.raw)
    edit = Edit(
        quarantine_id=entry.quarantine_id,
        revision=after.revision,
        at=now,
        actor=actor,
        action=_DONE[change.action],
        outcome=None if outcome == "accepted" or outcome == "discarded" else outcome,
        state=after.state,
        faults_before=entry.faults,
        faults_after=after.faults,
        reason=change.reason,
        change=None if change.patch is None else written(change.patch),
        undo=None if plan.undo is None else written(plan.undo),
    )
    return Step(plan, outcome, after, edit)


def appended(entry: Entry, outcome: Outcome, place: str, actor: str, now: dt.datetime) -> tuple[Entry, Edit]:
    """The entry once its event lies on the log, where it is the first of its identity, or another one was."""
    if outcome == "conflict":
        after = replace(_next(entry), outcome="conflict", submitted=False)
    else:
        after = _closed(entry, "resolved", now)
    edit = Edit(
        quarantine_id=entry.quarantine_id,
        revision=after.revision,
        at=now,
        actor=actor,
        action="appended",
        outcome=outcome,
        state=after.state,
        faults_before=entry.faults,
        faults_after=after.faults,
        place=place,
    )
    return after, edit


def _judged(entry: Entry, found: Judged, outcome: EditOutcome, now: dt.datetime) -> Entry:
    after = replace(
        _next(entry),
        source=found.source,
        id=found.id,
        type=found.type,
        object_id=found.object_id,
        reps=found.reps,
        outcome="conflict" if outcome == "conflict" else "quarantined",
        faults=found.faults if outcome == "quarantined" else (),
    )
    if outcome == "accepted":
        return replace(after, submitted=True)
    return replace(after, state="resolved", closed_at=now, submitted=False) if outcome == "duplicate" else after


def _closed(entry: Entry, state: State, now: dt.datetime) -> Entry:
    return replace(_next(entry), state=state, closed_at=now, submitted=False)


def _next(entry: Entry) -> Entry:
    return replace(entry, revision=entry.revision + 1)
