"""Dated memberships: who reported to whom, was in which team and held which territory, on each day.

A range is half-open, ``[valid_from, valid_to)``, in days of the business time zone; ``valid_to`` None is open.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from services.auth.domain.faults import Fault, refuse_if
from services.auth.domain.people import Outcome

Kind = Literal["manager", "team", "territory"]
EXCLUSIVE: frozenset[Kind] = frozenset({"manager", "territory"})
"""Kinds of which a person has at most one on any day."""


@dataclass(frozen=True)
class Membership:
    """A person belongs to ``of`` (a person, a team or a territory, by the kind) over a range of days."""

    person_id: str
    kind: Kind
    of: str
    valid_from: dt.date
    valid_to: dt.date | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """What a second item with the same key corrects. A person may enter several teams on one day, but only
        one manager or territory, so there a correction may also name another one."""
        middle = () if self.kind in EXCLUSIVE else (self.of,)
        return (self.person_id, self.kind, *middle, self.valid_from.isoformat())

    def overlaps(self, other: Membership) -> bool:
        """Whether they share a day."""
        return self.valid_from < _end(other) and other.valid_from < _end(self)

    def __str__(self) -> str:
        return f"{self.kind} {self.of} from {self.valid_from} to {self.valid_to or 'further notice'}"


@dataclass(frozen=True)
class MembershipDecision:
    """What a list of memberships comes to: an outcome per item, and the rows to take out and to put in."""

    outcomes: list[Outcome]
    removed: list[Membership]
    added: list[Membership]

    @property
    def people(self) -> list[str]:
        """Whose history changes."""
        return sorted({m.person_id for m in self.added})


def decide_memberships(
    before: Iterable[Membership], items: Sequence[Membership], people: Collection[str], teams: Collection[str]
) -> MembershipDecision:
    """Apply a list of memberships to all those that exist. Raises NotValid with a pointer per fault.

    The items are judged together, so that one of them may end what another one continues.
    """
    faults = _repeats(items)
    for i, item in enumerate(items):
        faults += _item_faults(i, item, people, teams)
    refuse_if(faults)
    old = {m.key: m for m in before}
    new = old | {m.key: m for m in items}
    refuse_if(_overlaps(new, items) or _cycles(new.values(), items))
    outcomes: list[Outcome] = [
        "created" if m.key not in old else "unchanged" if old[m.key] == m else "changed" for m in items
    ]
    moved = {m.key: m for m in items if old.get(m.key) != m}
    return MembershipDecision(outcomes, [old[k] for k in moved if k in old], list(moved.values()))


def _repeats(items: Sequence[Membership]) -> list[Fault]:
    first: dict[tuple[str, ...], int] = {}
    return [
        Fault(f"/items/{i}", "repeated", f"item {first[m.key]} says something else of the same")
        for i, m in enumerate(items)
        if items[first.setdefault(m.key, i)] != m
    ]


def _item_faults(i: int, m: Membership, people: Collection[str], teams: Collection[str]) -> list[Fault]:
    faults = []
    if m.person_id not in people:
        faults.append(Fault(f"/items/{i}/person_id", "unknown-person", f"there is no person {m.person_id!r}"))
    if m.kind == "manager" and m.of not in people:
        faults.append(Fault(f"/items/{i}/of", "unknown-person", f"there is no person {m.of!r}"))
    if m.kind == "team" and m.of not in teams:
        faults.append(Fault(f"/items/{i}/of", "unknown-team", f"there is no team {m.of!r}"))
    if m.valid_to is not None and m.valid_from >= m.valid_to:
        detail = f"the range is empty: {m.valid_to} is not after {m.valid_from}"
        faults.append(Fault(f"/items/{i}/valid_to", "empty-range", detail))
    return faults


def _overlaps(new: Mapping[tuple[str, ...], Membership], items: Sequence[Membership]) -> list[Fault]:
    """Items that share a day with another membership: of the kind, or in the same team."""
    slots: dict[tuple[str, ...], list[Membership]] = defaultdict(list)
    for m in new.values():
        slots[_slot(m)].append(m)
    return [
        Fault(f"/items/{i}", "overlap", f"{item.person_id!r} has {other} already")
        for i, item in enumerate(items)
        for other in slots[_slot(item)]
        if other.key != item.key and other.overlaps(item)
    ]


def _slot(m: Membership) -> tuple[str, ...]:
    return (m.person_id, m.kind) if m.kind in EXCLUSIVE else (m.person_id, m.kind, m.of)


def _cycles(new: Iterable[Membership], items: Sequence[Membership]) -> list[Fault]:
    """Items that make someone report to themselves, over however many steps, on some day."""
    above: dict[str, list[Membership]] = defaultdict(list)
    for m in new:
        if m.kind == "manager":
            above[m.person_id].append(m)
    return [
        Fault(f"/items/{i}/of", "cycle", f"on {day} {item.person_id!r} would report to themselves")
        for i, item in enumerate(items)
        if item.kind == "manager" and (day := _day_of_cycle(item, above)) is not None
    ]


def _day_of_cycle(start: Membership, above: Mapping[str, Sequence[Membership]]) -> dt.date | None:
    """The first day found on which the way up from ``start`` comes back to its person; None when there is none."""
    ways = [(start.of, start.valid_from, _end(start), frozenset({start.of}))]
    while ways:
        person, first, end, passed = ways.pop()
        if person == start.person_id:
            return first
        for step in above.get(person, ()):
            low, high = max(first, step.valid_from), min(end, _end(step))
            # a circle that leaves out start's person is the fault of another item
            if low < high and (step.of not in passed or step.of == start.person_id):
                ways.append((step.of, low, high, passed | {step.of}))
    return None


def _end(m: Membership) -> dt.date:
    return m.valid_to or dt.date.max
