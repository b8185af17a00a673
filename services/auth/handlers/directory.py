"""Changing and reading people, teams and memberships; what changes of a person is announced as it commits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import Connection
from chassis.outbox import announce
from chassis.tokens import Caller
from services.auth import store, translate
from services.auth.domain.memberships import Membership, decide_memberships
from services.auth.domain.people import Outcome, Person, PersonItem, Team, decide_people, decide_teams
from services.auth.handlers import Auth


class UnknownPerson(Exception):
    """There is no such person, or none that the caller may know of: the same answer for both."""


@dataclass(frozen=True)
class PersonHistory:
    """A person with those of their memberships that the caller may see."""

    person: Person
    memberships: list[Membership]


async def put_people(auth: Auth, items: Sequence[PersonItem]) -> list[Outcome]:
    """Insert or change people; an outcome per item. Raises NotValid: then nothing was changed."""
    async with auth.database.transaction() as conn:
        await store.lock_directory(conn)
        before = await store.people(conn, [item.person.person_id for item in items])
        decision = decide_people(before, items)
        await store.save_people(conn, decision.saved)
        await _announce(auth, conn, decision.announced)
    return decision.outcomes


async def put_teams(auth: Auth, items: Sequence[Team]) -> list[Outcome]:
    """Insert or rename teams; an outcome per item. Raises NotValid: then nothing was changed."""
    async with auth.database.transaction() as conn:
        await store.lock_directory(conn)
        outcomes = decide_teams(await store.teams(conn, [item.team_id for item in items]), items)
        await store.save_teams(conn, items)
    return outcomes


async def put_memberships(auth: Auth, items: Sequence[Membership]) -> list[Outcome]:
    """Insert or change memberships; an outcome per item. Raises NotValid: then nothing was changed."""
    ids = sorted({m.person_id for m in items} | {m.of for m in items if m.kind == "manager"})
    async with auth.database.transaction() as conn:
        await store.lock_directory(conn)
        people = await store.people(conn, ids)
        teams = await store.teams(conn, [m.of for m in items if m.kind == "team"])
        decision = decide_memberships(await store.memberships_to_judge(conn, ids), items, people, teams)
        await store.move_memberships(conn, decision.removed, decision.added)
        await _announce(auth, conn, decision.people)
    return decision.outcomes


async def list_people(auth: Auth, caller: Caller, after: str, limit: int) -> list[Person]:
    """People that the caller may know of, by id, from the one after ``after``."""
    async with auth.database.transaction(readonly=True) as conn:
        return await store.people_page(conn, _sight(auth, caller), after, limit)


async def get_person(auth: Auth, caller: Caller, person_id: str) -> PersonHistory:
    """A person and their dated history. Raises UnknownPerson."""
    sight = _sight(auth, caller)
    async with auth.database.transaction(readonly=True) as conn:
        person = await store.person_in_sight(conn, sight, person_id)
        if person is None:
            raise UnknownPerson(f"there is no person {person_id!r}")
        history = await store.memberships_page(conn, sight, person_id, None, ("", "", "", ""), translate.ITEMS_MAX)
        return PersonHistory(person, history)


async def list_teams(auth: Auth, caller: Caller, after: str, limit: int) -> list[Team]:
    """Teams that the caller may know of, by id, from the one after ``after``."""
    async with auth.database.transaction(readonly=True) as conn:
        return await store.teams_page(conn, _sight(auth, caller), after, limit)


async def list_memberships(
    auth: Auth, caller: Caller, person_id: str | None, kind: str | None, after: Sequence[str], limit: int
) -> list[Membership]:
    """Memberships that the caller may know of, in the order of person, kind, start and place."""
    async with auth.database.transaction(readonly=True) as conn:
        return await store.memberships_page(conn, _sight(auth, caller), person_id, kind, after, limit)


def _sight(auth: Auth, caller: Caller) -> store.Sight:
    today = auth.clock.now().astimezone(auth.zone).date()
    return store.Sight(caller.person_id, caller.scope("people.read"), today)


async def _announce(auth: Auth, conn: Connection, ids: Sequence[str]) -> None:
    """Tell the whole dated history of these people, as it will be when this transaction commits."""
    versions = await store.next_versions(conn, ids)
    people = await store.people(conn, ids)
    history = await store.memberships(conn, ids)
    now = auth.clock.now()
    await announce(conn, [translate.announcement(people[i], history, versions[i], now) for i in sorted(versions)])
