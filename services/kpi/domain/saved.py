"""What people keep to ask again, reports and leaderboards: whose it is, to whom it is shown, and who may change it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Generic, Protocol, TypeVar

from msgspec import Meta, Struct

from contracts.access import ROLES
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import Faulty
from services.kpi.domain.errors import KpiRefusal
from services.kpi.domain.sight import Sight

NAMED_MAX = 200
Name = Annotated[str, Meta(min_length=1, max_length=200)]
Names = Annotated[tuple[Name, ...], Meta(max_length=NAMED_MAX)]


class Audience(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """To whom something is shown beside its owner: to everyone, or to whoever has one of the roles, is in one of the
    teams today, or is named. Nobody, unless it says so."""

    everyone: bool = False
    roles: Names = ()
    teams: Names = ()
    people: Names = ()


def audience_faults(shown_to: Audience) -> Iterator[Fault]:
    """What is wrong with whom something is shown to; only asked when it is saved: what is kept stays readable."""
    for n, role in enumerate(shown_to.roles):
        if role not in ROLES:
            yield Fault(f"/shown_to/roles/{n}", "unknown-role", f"{role!r} is none of {', '.join(ROLES)}")


class NotFound(KpiRefusal):
    """No such report or leaderboard, or none that is shown to the caller: which of the two is not told."""


class Changed(KpiRefusal):
    """It is another one by now than the caller has read."""


class ShippedStays(KpiRefusal):
    """What comes with Merit cannot be changed; a copy of it can."""


class NotYours(KpiRefusal):
    """Shown to the caller, and somebody else's to change."""


class KeyReused(KpiRefusal):
    """The Idempotency-Key came before, with another body."""


class CannotWork(Faulty):
    """A report or leaderboard that cannot work."""

    what = "it"


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks. ``who`` owns what they save: a person, else a client. The last two: all that anyone saved."""

    who: str
    person_id: str | None
    roles: frozenset[str]
    teams: frozenset[str]
    sees_all: bool
    changes_all: bool


class Shared(Protocol):
    """What a report and a leaderboard have in common."""

    @property
    def shown_to(self) -> Audience:
        """Who else may see it."""
        ...


Body = TypeVar("Body", bound=Shared)


@dataclass(frozen=True, slots=True)
class Saved(Generic[Body]):
    """A report or leaderboard. ``owner`` None: it comes with Merit, and everybody sees it.

    ``sight``: how far its owner saw when it was saved.
    """

    id: str
    body: Body
    owner: str | None
    sight: Sight
    version: int
    changed_at: dt.datetime | None

    @property
    def etag(self) -> str:
        return f'"{self.version}"'

    def shown(self, reader: Reader) -> bool:
        """Whether the reader may see it."""
        audience = self.body.shown_to
        if self.owner is None or reader.sees_all or self.owner == reader.who or audience.everyone:
            return True
        named = reader.person_id is not None and reader.person_id in audience.people
        return named or bool(reader.roles & set(audience.roles) or reader.teams & set(audience.teams))

    def check_change(self, reader: Reader, if_match: str | None) -> None:
        """Raise ShippedStays, NotYours, or Changed unless it has still the ETag that the caller names."""
        if self.owner is None:
            raise ShippedStays(f"{self.id} comes with Merit: save a copy, and change that")
        if self.owner != reader.who and not reader.changes_all:
            raise NotYours(f"{self.id} is not yours to change: save a copy")
        if if_match not in (None, "*", self.etag):
            raise Changed(f"{self.id} has changed; read it again")
