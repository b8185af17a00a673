"""Between auth's own words and those of its contracts: the announcement of a person, and the shapes of the API."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.ids import IN_BYTES
from chassis.outbox import Announcement
from chassis.problems import Fault, Problem
from contracts import directory
from contracts.access import Scope
from contracts.envelope import ID_CHARACTERS_MAX, ID_LIMIT, encode
from contracts.topics import DIRECTORY_PEOPLE
from services.auth.domain.clients import Client
from services.auth.domain.memberships import Membership
from services.auth.domain.people import Outcome, Person, PersonItem, Team

SOURCE = "/merit/auth"
ITEMS_MAX = 1000
PAGE_MAX = 200
PAGE_DEFAULT = 50

# no control characters: PostgreSQL keeps no NUL, and none of the others belongs into an id or a name
Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=ID_CHARACTERS_MAX, pattern=r"^[^\x00-\x1f\x7f]+$"),
    Field(description=ID_LIMIT),
    IN_BYTES,
]
Label = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f]+@[^@\s\x00-\x1f]+$")]
ClientId = Annotated[str, StringConstraints(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]+$")]


class Wire(BaseModel):
    """The base of what goes over HTTP: an unknown field is a fault."""

    model_config = ConfigDict(extra="forbid")


class PersonBody(Wire):
    """A person. A field that is left out stays as it is; a new person is active and has no role."""

    person_id: Id
    name: Label
    email: Email | None = None
    title: Label | None = None
    active: bool = True
    roles: Annotated[list[Id], Field(max_length=20)] = []


class PersonHistoryBody(PersonBody):
    """A person with their dated memberships."""

    memberships: list[MembershipBody]


class TeamBody(Wire):
    """A team and its name."""

    team_id: Id
    name: Label


class MembershipBody(Wire):
    """From ``valid_from`` (inclusive) to ``valid_to`` (exclusive, null = open) a person belongs to ``of``.

    ``of`` is a person (manager), a team or a territory. For the same person, kind and start (and team) the item
    replaces what was said before.
    """

    person_id: Id
    kind: Literal["manager", "team", "territory"]
    of: Id
    valid_from: dt.date
    valid_to: dt.date | None = None


class PeopleBody(Wire):
    items: Annotated[list[PersonBody], Field(max_length=ITEMS_MAX)]


class TeamsBody(Wire):
    items: Annotated[list[TeamBody], Field(max_length=ITEMS_MAX)]


class MembershipsBody(Wire):
    items: Annotated[list[MembershipBody], Field(max_length=ITEMS_MAX)]


class OutcomeBody(Wire):
    key: str
    outcome: Outcome


class OutcomesBody(Wire):
    """What became of each item, in the order in which they were sent."""

    items: list[OutcomeBody]


class PeoplePage(Wire):
    items: list[PersonBody]
    next_cursor: str | None


class TeamsPage(Wire):
    items: list[TeamBody]
    next_cursor: str | None


class MembershipsPage(Wire):
    items: list[MembershipBody]
    next_cursor: str | None


class RoleBody(Wire):
    """A role: per permission how far it reaches, and what may be granted to a client on top."""

    role: str
    grants: dict[str, Scope]
    grantable: list[str]


class RolesBody(Wire):
    items: list[RoleBody]
    next_cursor: None = None


class ClientBody(Wire):
    """A client to make. ``person_id``: whose scripts it runs; ``source``: the event source of a machine."""

    client_id: ClientId
    roles: Annotated[list[Id], Field(max_length=20)]
    person_id: Id | None = None
    source: Id | None = None
    granted: dict[str, Scope] = {}


class MadeClientBody(ClientBody):
    """The client, with its secret: it is shown this once."""

    client_secret: str


def person_item(body: PersonBody) -> PersonItem:
    """What was sent of a person, with the names of the fields that were there."""
    person = Person(body.person_id, body.name, body.email, body.title, body.active, tuple(body.roles))
    return PersonItem(person, frozenset(body.model_fields_set))


def person_body(person: Person) -> PersonBody:
    fields = person.__dict__ | {"roles": list(person.roles)}
    return PersonBody(**fields)


def history_body(person: Person, memberships: Sequence[Membership]) -> PersonHistoryBody:
    listed = [membership_body(m) for m in memberships]
    return PersonHistoryBody(**person_body(person).model_dump(), memberships=listed)


def team(body: TeamBody) -> Team:
    return Team(body.team_id, body.name)


def membership(body: MembershipBody) -> Membership:
    return Membership(body.person_id, body.kind, body.of, body.valid_from, body.valid_to)


def membership_body(m: Membership) -> MembershipBody:
    return MembershipBody(person_id=m.person_id, kind=m.kind, of=m.of, valid_from=m.valid_from, valid_to=m.valid_to)


def client(body: ClientBody) -> Client:
    return Client(body.client_id, tuple(dict.fromkeys(body.roles)), body.granted, body.person_id, body.source)


def outcomes_body(keys: Sequence[str], outcomes: Sequence[Outcome]) -> OutcomesBody:
    return OutcomesBody(items=[OutcomeBody(key=k, outcome=o) for k, o in zip(keys, outcomes, strict=True)])


def announcement(person: Person, memberships: Sequence[Membership], version: int, now: dt.datetime) -> Announcement:
    """The record on ``directory-people``: ids and dated places only, the memberships in order."""
    own = sorted(
        directory.Membership(m.kind, m.of, m.valid_from, m.valid_to)
        for m in memberships
        if m.person_id == person.person_id
    )
    data = directory.Person(person.person_id, version, person.active, list(person.roles), own)
    value = encode(
        type=directory.PERSON,
        source=SOURCE,
        id=f"{person.person_id}.{version}",
        time=now,
        data=data,
        subject=person.person_id,
    )
    return Announcement(DIRECTORY_PEOPLE.name, person.person_id, value)


def write_cursor(key: Sequence[str]) -> str:
    """The key of the last item of a page, as an opaque word."""
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, width: int) -> list[str]:
    """The key that a page continues after; before everything without a cursor. Raises Problem 422."""
    if cursor is None:
        return [""] * width
    try:
        key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list) or len(key) != width or not all(isinstance(k, str) and "\0" not in k for k in key):
        fault = Fault("/cursor", "bad-cursor", "take next_cursor of the page before, unchanged")
        raise Problem(422, "not-valid", "the cursor is none of ours", [fault])
    return key
