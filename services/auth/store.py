"""Every query of auth. Each function works in the open transaction of the connection that it is given."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from chassis.db import Connection, Row, columns
from contracts.access import Scope, format_grants, parse_grants
from services.auth.domain.clients import Client
from services.auth.domain.memberships import Membership
from services.auth.domain.people import Person, Team

_BELOW = """
with recursive below (person_id, valid_from, valid_to) as (
    select person_id, valid_from, coalesce(valid_to, 'infinity') from membership where kind = 'manager' and of = $1
    union
    select m.person_id, greatest(m.valid_from, b.valid_from), least(coalesce(m.valid_to, 'infinity'), b.valid_to)
    from below b join membership m on m.kind = 'manager' and m.of = b.person_id
        and m.valid_from < b.valid_to and b.valid_from < coalesce(m.valid_to, 'infinity')
)
"""
"""``below``: who was in the tree of the manager $1, and from when to when (one row per way and range)."""

_IN_SCOPE = """
($2 = 'all' or p.person_id = $1
    or $2 = 'tree' and exists (
        select from below b where b.person_id = p.person_id and b.valid_from <= $3 and $3 < b.valid_to))
"""
"""Which people ``p`` the caller $1 with the scope $2 sees on the day $3."""


@dataclass(frozen=True)
class Sight:
    """Who asks, how far they see, and the business day of today, on which the tree is taken for what has no date."""

    person_id: str | None
    scope: Scope
    today: dt.date

    @property
    def args(self) -> tuple[str | None, str, dt.date]:
        return self.person_id, self.scope, self.today


@dataclass(frozen=True)
class KeptKey:
    """A signing key as it is kept: its name and the private JWK as JSON text."""

    kid: str
    private_jwk: str


async def lock_directory(conn: Connection) -> None:
    """One change of the directory at a time: its rules span rows, and announcements must follow the commits."""
    await conn.execute("select pg_advisory_xact_lock(hashtext(current_schema() || '.directory'))")


async def lock_keys(conn: Connection) -> None:
    """One maker of signing keys at a time."""
    await conn.execute("select pg_advisory_xact_lock(hashtext(current_schema() || '.keys'))")


async def people(conn: Connection, ids: Sequence[str]) -> dict[str, Person]:
    """Those of these people that exist."""
    rows = await conn.fetch("select * from person where person_id = any($1)", ids)
    return {row["person_id"]: _person(row) for row in rows}


async def people_page(conn: Connection, sight: Sight, after: str, limit: int) -> list[Person]:
    """People in sight by id, from the one after ``after``."""
    rows = await conn.fetch(
        f"{_BELOW} select p.* from person p where {_IN_SCOPE} and p.person_id > $4 order by p.person_id limit $5",
        *sight.args,
        after,
        limit,
    )
    return [_person(row) for row in rows]


async def person_in_sight(conn: Connection, sight: Sight, person_id: str) -> Person | None:
    """The person, unless the caller may not know of them."""
    row = await conn.fetchrow(
        f"{_BELOW} select p.* from person p where {_IN_SCOPE} and p.person_id = $4", *sight.args, person_id
    )
    return _person(row) if row else None


async def save_people(conn: Connection, saved: Sequence[Person]) -> None:
    """Insert or replace people. Their version stays (0 for new ones)."""
    await conn.executemany(
        "insert into person (person_id, name, email, title, active, roles, version) values ($1, $2, $3, $4, $5, $6, 0)"
        " on conflict (person_id) do update set name = excluded.name, email = excluded.email, title = excluded.title,"
        " active = excluded.active, roles = excluded.roles",
        [(p.person_id, p.name, p.email, p.title, p.active, list(p.roles)) for p in saved],
    )


async def next_versions(conn: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Count one more announcement for each of these people; returns its number."""
    rows = await conn.fetch(
        "update person set version = version + 1 where person_id = any($1) returning person_id, version", ids
    )
    return {row["person_id"]: row["version"] for row in rows}


async def teams(conn: Connection, ids: Sequence[str]) -> dict[str, Team]:
    """Those of these teams that exist."""
    rows = await conn.fetch("select team_id, name from team where team_id = any($1)", ids)
    return {row["team_id"]: Team(**row) for row in rows}


async def teams_page(conn: Connection, sight: Sight, after: str, limit: int) -> list[Team]:
    """Teams by id, from the one after ``after``: all of them, or those with a member in sight today."""
    rows = await conn.fetch(
        f"""{_BELOW} select t.team_id, t.name from team t
        where t.team_id > $4 and ($2 = 'all' or exists (
            select from membership m join person p using (person_id)
            where m.kind = 'team' and m.of = t.team_id and m.valid_from <= $3
                and $3 < coalesce(m.valid_to, 'infinity') and {_IN_SCOPE}))
        order by t.team_id limit $5""",
        *sight.args,
        after,
        limit,
    )
    return [Team(**row) for row in rows]


async def save_teams(conn: Connection, saved: Iterable[Team]) -> None:
    """Insert or rename teams."""
    await conn.executemany(
        "insert into team (team_id, name) values ($1, $2) on conflict (team_id) do update set name = excluded.name",
        [(team.team_id, team.name) for team in saved],
    )


async def memberships(conn: Connection, people_ids: Sequence[str]) -> list[Membership]:
    """The whole dated history of these people."""
    rows = await conn.fetch("select * from membership where person_id = any($1)", people_ids)
    return [Membership(**row) for row in rows]


async def memberships_to_judge(conn: Connection, people_ids: Sequence[str]) -> list[Membership]:
    """All that a change of these people's memberships is judged against: their own, and the whole manager tree."""
    rows = await conn.fetch("select * from membership where kind = 'manager' or person_id = any($1)", people_ids)
    return [Membership(**row) for row in rows]


async def memberships_page(
    conn: Connection, sight: Sight, person_id: str | None, kind: str | None, after: Sequence[str], limit: int
) -> list[Membership]:
    """Memberships in sight in the order of person, kind, start and place, from the one after that key.

    In a manager's sight is what touches the days on which its person was in the manager's tree.
    """
    rows = await conn.fetch(
        f"""{_BELOW} select m.* from membership m
        where ($2 = 'all' or m.person_id = $1 or $2 = 'tree' and exists (
                select from below b where b.person_id = m.person_id
                    and b.valid_from < coalesce(m.valid_to, 'infinity') and m.valid_from < b.valid_to))
            and ($3::text is null or m.person_id = $3) and ($4::text is null or m.kind = $4)
            and (m.person_id, m.kind, m.valid_from::text, m.of) > ($5, $6, $7, $8)
        order by m.person_id, m.kind, m.valid_from::text, m.of limit $9""",
        sight.person_id,
        sight.scope,
        person_id,
        kind,
        *after,
        limit,
    )
    return [Membership(**row) for row in rows]


async def move_memberships(conn: Connection, removed: Sequence[Membership], added: Sequence[Membership]) -> None:
    """Take rows out and put rows in."""
    await conn.executemany(
        "delete from membership where person_id = $1 and kind = $2 and of = $3 and valid_from = $4",
        [(m.person_id, m.kind, m.of, m.valid_from) for m in removed],
    )
    rows = [(m.person_id, m.kind, m.of, m.valid_from, m.valid_to) for m in added]
    await conn.execute(
        "insert into membership (person_id, kind, of, valid_from, valid_to)"
        " select * from unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::date[])",
        *columns(rows, 5),
    )


async def client(conn: Connection, client_id: str) -> tuple[Client, str] | None:
    """A client and the hash of its secret."""
    row = await conn.fetchrow("select * from client where client_id = $1", client_id)
    return (_client(row), row["secret_hash"]) if row else None


async def clients_with_role(conn: Connection, role: str) -> list[str]:
    """The ids of the clients that have this role."""
    rows = await conn.fetch("select client_id from client where $1 = any(roles) order by client_id", role)
    return [row["client_id"] for row in rows]


async def add_client(conn: Connection, added: Client, secret_hash: str, now: dt.datetime) -> bool:
    """Keep a new client; False when its id is taken."""
    row = await conn.fetchrow(
        "insert into client (client_id, secret_hash, roles, granted, person_id, source, created_at)"
        " values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing returning client_id",
        added.client_id,
        secret_hash,
        list(added.roles),
        format_grants(added.granted),
        added.person_id,
        added.source,
        now,
    )
    return row is not None


async def signing_keys(conn: Connection, published_since: dt.datetime) -> list[KeptKey]:
    """The keys to publish, the one that signs first: those in use, and those retired after ``published_since``."""
    rows = await conn.fetch(
        "select kid, private_jwk from signing_key where retired_at is null or retired_at > $1"
        " order by retired_at is not null, created_at desc, kid",
        published_since,
    )
    return [KeptKey(**row) for row in rows]


async def add_signing_key(conn: Connection, key: KeptKey, now: dt.datetime) -> None:
    """Keep a new key: it signs from now on."""
    await conn.execute(
        "insert into signing_key (kid, private_jwk, created_at) values ($1, $2, $3)", key.kid, key.private_jwk, now
    )


def _person(row: Row) -> Person:
    return Person(row["person_id"], row["name"], row["email"], row["title"], row["active"], tuple(row["roles"]))


def _client(row: Row) -> Client:
    granted = parse_grants(row["granted"])
    return Client(row["client_id"], tuple(row["roles"]), granted, row["person_id"], row["source"])
