"""What every route needs: its dependencies, pages, the caller's sight, and waiting for what was just sent."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from chassis.bus import Partition, format_positions, parse_positions
from chassis.clock import Clock
from chassis.db import Database
from chassis.ids import IN_BYTES
from chassis.inbox import wait_until
from chassis.problems import Problem
from chassis.tokens import Caller, Verifier
from contracts.envelope import ID_CHARACTERS_MAX, ID_LIMIT
from contracts.topics import CRM_SALES, DIRECTORY_PEOPLE
from services.incentive.domain.errors import BadQuestion, NotYet
from services.incentive.domain.sight import Sight
from services.incentive.handlers.settle import settled

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
ITEMS_MAX = 1000
POSITION_LENGTH_MAX = 2_000
DECISIONS = Partition("incentive-decisions", 0)
"""Where decisions over HTTP lie, in the positions that they answer with: the number of the newest mark."""

READ = (CRM_SALES.name, DIRECTORY_PEOPLE.name)
"""The topics that this service reads: for the rest of a position it need not wait. (To wait for all marks of now
waits for those of decisions.)"""

Identifier = Annotated[
    str, Field(min_length=1, max_length=ID_CHARACTERS_MAX, pattern=r"^[^\x00]*$", description=ID_LIMIT), IN_BYTES
]
"""An id as others gave it, of 1 to 256 characters; PostgreSQL takes none with a NUL."""
Amount = Annotated[str, Field(pattern=r"^[0-9]{1,20}(\.[0-9]{1,10})?$")]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Deps:
    """What the routes need."""

    database: Database
    clock: Clock
    verifier: Verifier
    currency: str


class Strict(BaseModel):
    """A body or a query without room for what nobody knows."""

    model_config = ConfigDict(extra="forbid", populate_by_name=False)


class PageQuery(Strict):
    """How much of a list, and from where on."""

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    cursor: Annotated[str, Field(max_length=4_000)] = ""


def deps_of(request: Request) -> Deps:
    """The dependencies that the application was made with."""
    deps: Deps = request.app.state.deps
    return deps


def sight_of(caller: Caller, permission: str) -> Sight:
    """How far a permission lets the caller see; who needs a person and has none sees nothing (no id is empty)."""
    match caller.scope(permission):
        case "all":
            return Sight()
        case "tree":
            return Sight(caller.person_id or "", tree=True)
    return Sight(caller.person_id or "")


def may_write(caller: Caller, permission: str) -> None:
    """Raise Problem 403 unless the permission reaches everyone: nobody sets their own target, rate or plan."""
    if caller.scope(permission) != "all":
        raise Problem(403, "scope-too-narrow", f"this needs {permission} for all")


def write_cursor(*place: str | dt.date) -> str:
    """An opaque word for a place in a list."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(cursor: str, shape: type[Row]) -> Row | None:
    """The place that ``write_cursor`` wrote, None for none. Raises BadQuestion."""
    if not cursor:
        return None
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if "\\u0000" in text:
            raise BadQuestion("'cursor' is none of ours")
        return msgspec.json.decode(text, type=shape)
    except (ValueError, msgspec.DecodeError) as error:
        raise BadQuestion("'cursor' is none of ours") from error


def page(items: list[dict[str, Any]], more: bool, cursor: str) -> dict[str, Any]:
    """A list's answer; ``cursor`` is the place of its last item."""
    return {"items": items, "next_cursor": cursor if more else None}


def position_of(mark: int) -> str | None:
    """A position for ``after``: reads of earnings wait until what was decided is settled. None: it changed nothing."""
    return format_positions({DECISIONS: mark}) if mark else None


async def counted(deps: Deps, after: str | None, payee: str | None) -> None:
    """Wait until what lies before ``after`` is read and settled, for one payee or all. Raises BadQuestion, NotYet."""
    if not after:
        return
    try:
        wanted = parse_positions(after)
    except ValueError as error:
        raise BadQuestion("'after' is no position of ours") from error
    wanted = {place: offset for place, offset in wanted.items() if place.topic in READ}
    if behind := await wait_until(deps.database, wanted, deps.clock):
        raise NotYet(f"not counted yet; read so far: {format_positions(behind)}")
    if not await settled(deps.database, deps.clock, payee):
        raise NotYet("everything is read, and not all of it settled yet")
