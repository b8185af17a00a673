"""People and teams: what is known of each, and what a list of them changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from services.auth.domain.faults import Fault, refuse_if
from services.auth.domain.roles import ROLES

Outcome = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True)
class Person:
    """A person as auth knows them. Names and addresses never leave this service."""

    person_id: str
    name: str
    email: str | None = None
    title: str | None = None
    active: bool = True
    roles: tuple[str, ...] = ()


@dataclass(frozen=True)
class PersonItem:
    """What was sent of a person: ``given`` names the fields that it states; the others stay as they are."""

    person: Person
    given: frozenset[str]

    def over(self, before: Person | None) -> Person:
        """The person after this item, their roles in order."""
        person = replace(self.person, roles=tuple(sorted(set(self.person.roles))))
        if before is None:
            return person
        return replace(before, **{name: getattr(person, name) for name in self.given})


@dataclass(frozen=True)
class Team:
    """A team by its id, with the name to show."""

    team_id: str
    name: str


@dataclass(frozen=True)
class PeopleDecision:
    """What a list of people comes to: an outcome per item, and the people to save."""

    outcomes: list[Outcome]
    saved: list[Person]
    announced: list[str]
    """Those of whom the others must hear: a name or an address alone is nobody else's matter."""


def decide_people(before: Mapping[str, Person], items: Sequence[PersonItem]) -> PeopleDecision:
    """Apply a list of people to those that exist. Raises NotValid with a pointer per fault."""
    refuse_if(
        _repeats([item.person.person_id for item in items], "person_id")
        + [fault for i, item in enumerate(items) for fault in _unknown_roles(i, item.person)]
    )
    decision = PeopleDecision([], [], [])
    for item in items:
        old = before.get(item.person.person_id)
        new = item.over(old)
        decision.outcomes.append("created" if old is None else "unchanged" if old == new else "changed")
        if new != old:
            decision.saved.append(new)
        if old is None or (old.active, old.roles) != (new.active, new.roles):
            decision.announced.append(new.person_id)
    return decision


def decide_teams(before: Mapping[str, Team], items: Sequence[Team]) -> list[Outcome]:
    """An outcome per team. Raises NotValid with a pointer per fault."""
    refuse_if(_repeats([item.team_id for item in items], "team_id"))
    old = [before.get(item.team_id) for item in items]
    return ["created" if a is None else "unchanged" if a == b else "changed" for a, b in zip(old, items, strict=True)]


def _repeats(keys: Sequence[str], field: str) -> list[Fault]:
    first = {key: i for i, key in reversed(list(enumerate(keys)))}
    return [
        Fault(f"/items/{i}/{field}", "repeated", f"{key!r} stands in item {first[key]} already")
        for i, key in enumerate(keys)
        if first[key] != i
    ]


def _unknown_roles(i: int, person: Person) -> list[Fault]:
    return [
        Fault(f"/items/{i}/roles/{j}", "unknown-role", f"there is no role {role!r}; there are {', '.join(ROLES)}")
        for j, role in enumerate(person.roles)
        if role not in ROLES
    ]
