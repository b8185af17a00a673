"""What auth announces of people on ``directory-people``: ids and dated places, never a name or an address."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contracts.envelope import Identifier

PERSON = "merit.directory.person.v1"

MembershipKind = Literal["manager", "team", "territory"]


class Membership(Struct, frozen=True, order=True, omit_defaults=True):
    """From ``valid_from`` (a local day, inclusive) to ``valid_to`` (exclusive; none = open) a person belongs somewhere.

    ``manager``: reports to the person ``of``; ``team``: is in the team ``of``; ``territory``: is assigned to ``of``.
    """

    kind: MembershipKind
    of: Identifier
    valid_from: dt.date
    valid_to: dt.date | None = None


class Person(Struct, frozen=True, omit_defaults=True):
    """The whole dated history of one person: each record on the compacted topic replaces the one before.

    ``version`` grows by one with each change, so that an older record never overwrites a newer one.
    """

    person_id: Identifier
    version: Annotated[int, Meta(ge=1)]
    active: bool = True
    roles: list[Identifier] = []
    memberships: list[Membership] = []
