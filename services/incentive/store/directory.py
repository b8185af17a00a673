"""The copy of the directory: who is known, their roles, and where they belong, as dated."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from chassis.db import Connection, columns
from contracts.directory import Person
from services.incentive.domain.facts import Payee
from services.incentive.domain.windows import LAST_DAY, Days

BELOW = """
with recursive below(person_id, since, until) as (
    select person_id, valid_from, valid_to from membership where $2 and kind = 'manager' and belongs_to = $1
    union
    select m.person_id, greatest(m.valid_from, b.since), least(m.valid_to, b.until)
    from below b join membership m on m.kind = 'manager' and m.belongs_to = b.person_id
    where m.valid_from < b.until and b.since < m.valid_to
)
"""
"""Who is below the person $1, and over which days; nobody unless $2. The dates of a loop run out, so it ends."""

_decode_roles = msgspec.json.Decoder(list[str]).decode


async def save_people(conn: Connection, people: Sequence[Person]) -> None:
    """Replace what is known of these people; an older version never replaces a newer one."""
    rows = [(p.person_id, p.version, msgspec.json.encode(p.roles).decode()) for p in people]
    saved = await conn.fetch(
        "insert into person (person_id, version, roles) select * from unnest($1::text[], $2::int[], $3::text[])"
        " on conflict (person_id) do update set version = excluded.version, roles = excluded.roles"
        " where person.version < excluded.version returning person_id",
        *columns(rows, 3),
    )
    newer = {row["person_id"] for row in saved}
    await conn.execute("delete from membership where person_id = any($1::text[])", sorted(newer))
    places = {
        (p.person_id, m.kind, m.of, m.valid_from): m.valid_to or LAST_DAY
        for p in people
        if p.person_id in newer
        for m in p.memberships
    }
    await conn.execute(
        "insert into membership (person_id, kind, belongs_to, valid_from, valid_to)"
        " select * from unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::date[])",
        *columns([(*key, until) for key, until in sorted(places.items())], 5),
    )


async def payees(conn: Connection, person_ids: Sequence[str]) -> dict[str, Payee]:
    """These people as plans see them; who is not known to the directory is absent."""
    people = await conn.fetch("select person_id, roles from person where person_id = any($1::text[])", list(person_ids))
    rows = await conn.fetch(
        "select person_id, belongs_to, valid_from, valid_to from membership"
        " where kind = 'team' and person_id = any($1::text[]) order by 1, 2, 3",
        list(person_ids),
    )
    teams: dict[str, list[tuple[str, Days]]] = {}
    for row in rows:
        place = (row["belongs_to"], Days(row["valid_from"], row["valid_to"]))
        teams.setdefault(row["person_id"], []).append(place)
    return {
        row["person_id"]: Payee(
            row["person_id"], frozenset(_decode_roles(row["roles"])), tuple(teams.get(row["person_id"], ()))
        )
        for row in people
    }


async def in_sight(conn: Connection, person: str, tree: bool) -> list[str]:
    """The person, and with ``tree`` everyone who is or was below them."""
    rows = await conn.fetch(BELOW + "select distinct person_id from below order by 1", person, tree)
    return [person, *(row["person_id"] for row in rows)]
