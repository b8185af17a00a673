"""People, teams, memberships, roles and clients."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from services.auth import translate
from services.auth.domain.roles import GRANTABLE, ROLES
from services.auth.handlers import Auth, clients, directory
from services.auth.translate import PAGE_DEFAULT, PAGE_MAX, Id, Wire

router = APIRouter(prefix="/v1", tags=["directory"])


def auth_of(request: Request) -> Auth:
    """What the use cases stand on."""
    found: Auth = request.app.state.auth
    return found


Deps = Annotated[Auth, Depends(auth_of)]
Reader = Annotated[Caller, Depends(requires("people.read"))]
Writer = Annotated[Caller, Depends(requires("people.write"))]


class PageQuery(Wire):
    """Which part of a list."""

    cursor: Annotated[str | None, Field(max_length=2000)] = None
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT


class MembershipQuery(PageQuery):
    """Which memberships."""

    person_id: Id | None = None
    kind: Literal["manager", "team", "territory"] | None = None


class NoQuery(Wire):
    """A route that takes no parameter."""


@router.post("/people", summary="Insert or change people")
async def put_people(auth: Deps, _: Writer, body: translate.PeopleBody) -> translate.OutcomesBody:
    """All or nothing; sending the same again changes nothing. Needs `people.write`."""
    outcomes = await directory.put_people(auth, [translate.person_item(item) for item in body.items])
    return translate.outcomes_body([item.person_id for item in body.items], outcomes)


@router.get("/people", summary="List people")
async def list_people(auth: Deps, caller: Reader, page: Annotated[PageQuery, Query()]) -> translate.PeoplePage:
    """By id; a manager sees their tree as it stands today, and themselves."""
    (after,) = translate.read_cursor(page.cursor, 1)
    found = await directory.list_people(auth, caller, after, page.limit + 1)
    shown = found[: page.limit]
    cursor = translate.write_cursor([shown[-1].person_id]) if len(found) > page.limit else None
    return translate.PeoplePage(items=[translate.person_body(p) for p in shown], next_cursor=cursor)


@router.get("/people/{person_id}", summary="A person and their dated history")
async def get_person(
    auth: Deps, caller: Reader, person_id: str, _: Annotated[NoQuery, Query()]
) -> translate.PersonHistoryBody:
    """A person whom the caller may not know of is a 404, as one who does not exist."""
    found = await directory.get_person(auth, caller, person_id)
    return translate.history_body(found.person, found.memberships)


@router.post("/teams", summary="Insert or rename teams")
async def put_teams(auth: Deps, _: Writer, body: translate.TeamsBody) -> translate.OutcomesBody:
    """All or nothing; sending the same again changes nothing. Needs `people.write`."""
    outcomes = await directory.put_teams(auth, [translate.team(item) for item in body.items])
    return translate.outcomes_body([item.team_id for item in body.items], outcomes)


@router.get("/teams", summary="List teams")
async def list_teams(auth: Deps, caller: Reader, page: Annotated[PageQuery, Query()]) -> translate.TeamsPage:
    """By id; a manager sees the teams in which somebody of their tree is today."""
    (after,) = translate.read_cursor(page.cursor, 1)
    found = await directory.list_teams(auth, caller, after, page.limit + 1)
    shown = found[: page.limit]
    cursor = translate.write_cursor([shown[-1].team_id]) if len(found) > page.limit else None
    items = [translate.TeamBody(team_id=t.team_id, name=t.name) for t in shown]
    return translate.TeamsPage(items=items, next_cursor=cursor)


@router.post("/memberships", summary="Insert or change dated memberships")
async def put_memberships(auth: Deps, _: Writer, body: translate.MembershipsBody) -> translate.OutcomesBody:
    """Who reports to whom, who is in which team, who holds which territory, from which day to which.

    The items are judged together, all or nothing: one may end what another continues. Refused are empty ranges, two
    managers or territories of a person on one day, and somebody who would report to themselves.
    """
    items = [translate.membership(item) for item in body.items]
    outcomes = await directory.put_memberships(auth, items)
    return translate.outcomes_body(["/".join(m.key) for m in items], outcomes)


@router.get("/memberships", summary="List dated memberships")
async def list_memberships(
    auth: Deps, caller: Reader, asked: Annotated[MembershipQuery, Query()]
) -> translate.MembershipsPage:
    """By person, kind and start; a manager sees those that touch the days when their person was in the tree."""
    after = translate.read_cursor(asked.cursor, 4)
    found = await directory.list_memberships(auth, caller, asked.person_id, asked.kind, after, asked.limit + 1)
    shown, cursor = found[: asked.limit], None
    if len(found) > asked.limit:
        last = shown[-1]
        cursor = translate.write_cursor([last.person_id, last.kind, last.valid_from.isoformat(), last.of])
    return translate.MembershipsPage(items=[translate.membership_body(m) for m in shown], next_cursor=cursor)


@router.get("/roles", summary="The roles and what each may do")
async def list_roles(_: Reader, __: Annotated[NoQuery, Query()]) -> translate.RolesBody:
    """Per permission how far it reaches: own, source, tree or all."""
    return translate.RolesBody(
        items=[
            translate.RoleBody(role=role, grants=dict(grants), grantable=sorted(GRANTABLE.get(role, ())))
            for role, grants in ROLES.items()
        ]
    )


@router.post("/clients", status_code=201, summary="Make credentials for a machine or a person's scripts")
async def create_client(
    auth: Deps, _: Annotated[Caller, Depends(requires("clients.write"))], body: translate.ClientBody
) -> translate.MadeClientBody:
    """The answer holds the secret, this once: Merit keeps only its hash."""
    made = await clients.create_client(auth, translate.client(body))
    return translate.MadeClientBody(**body.model_dump(), client_secret=made.client_secret)
