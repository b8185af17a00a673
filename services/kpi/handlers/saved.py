"""Keeping reports and leaderboards: listed, read, saved, changed and deleted by those who may."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Generic

import msgspec

from chassis.db import Connection
from chassis.tokens import Caller
from services.kpi.domain.conditions import Fault
from services.kpi.domain.leaderboards import Leaderboard
from services.kpi.domain.reports import Report
from services.kpi.domain.saved import Body, CannotWork, KeyReused, NotFound, Reader, Saved
from services.kpi.domain.sight import Sight
from services.kpi.store import saved as stored
from services.kpi.store.saved import Row

SAVED_MAX = 1_000


@dataclass(frozen=True)
class Shelf(Generic[Body]):
    """All reports, or all leaderboards: what they are called, their shape, and those that come with Merit, by id."""

    kind: str
    shape: type[Body]
    shipped: Mapping[str, Saved[Body]] = field(default_factory=dict)


def reports(shipped: Mapping[str, Report]) -> Shelf[Report]:
    """The shelf of reports; what comes with Merit by its id."""
    return Shelf("report", Report, {id: Saved(id, body, None, Sight(), 1, None) for id, body in shipped.items()})


LEADERBOARDS = Shelf("leaderboard", Leaderboard)


async def reader(conn: Connection, caller: Caller, today: dt.date) -> Reader:
    """Who is asking, with the teams that they are in today."""
    person = caller.person_id
    return Reader(
        person or caller.subject,
        person,
        caller.roles,
        await stored.teams_of(conn, person, today) if person else frozenset(),
        caller.grants.get("kpis.read") == "all",
        caller.grants.get("reports.define") == "all",
    )


async def listed(conn: Connection, shelf: Shelf[Body], reader: Reader, after: str, limit: int) -> list[Saved[Body]]:
    """What the reader may see, in order of the ids, those after ``after``."""
    every = [*shelf.shipped.values(), *(_saved(shelf, row) for row in await stored.rows(conn, shelf.kind))]
    seen = [one for one in every if one.id > after and one.shown(reader)]
    return sorted(seen, key=lambda one: one.id)[:limit]


async def one(conn: Connection, shelf: Shelf[Body], id: str, reader: Reader) -> Saved[Body]:
    """One of them. Raises NotFound, also where it is not shown to the reader."""
    found = shelf.shipped.get(id)
    if found is None and (row := await stored.row(conn, shelf.kind, id)):
        found = _saved(shelf, row)
    if found is None or not found.shown(reader):
        raise NotFound(f"no such {shelf.kind}: {id}")
    return found


async def add(
    conn: Connection,
    shelf: Shelf[Body],
    body: Body,
    reader: Reader,
    sight: Sight,
    now: dt.datetime,
    id: str,
    idempotency_key: str | None,
) -> Saved[Body]:
    """Save a new one; the same request again, by its key, gives what it made. Raises KeyReused, CannotWork."""
    await stored.lock(conn)
    text = msgspec.json.encode(body).decode()
    request = sha256(text.encode()).hexdigest()
    if idempotency_key and (known := await stored.made_by(conn, shelf.kind, reader.who, idempotency_key)):
        if known[1] != request:
            raise KeyReused("this Idempotency-Key came before, with another body")
        return await one(conn, shelf, known[0], reader)
    if len(await stored.rows(conn, shelf.kind)) >= SAVED_MAX:
        raise CannotWork([Fault("", "too-many", f"{SAVED_MAX} of them are saved already")])
    row = Row(id, text, reader.who, sight.tree, 1, now)
    await stored.add(conn, shelf.kind, row, idempotency_key, request)
    return _saved(shelf, row)


async def change(
    conn: Connection,
    shelf: Shelf[Body],
    id: str,
    body: Body,
    reader: Reader,
    sight: Sight,
    now: dt.datetime,
    if_match: str | None,
) -> Saved[Body]:
    """Put another body into one; the owner stays, and who changes it lends it their sight.

    Raises NotFound, ShippedStays, NotYours, Changed.
    """
    await stored.lock(conn)
    before = await one(conn, shelf, id, reader)
    before.check_change(reader, if_match)
    after = replace(before, body=body, sight=sight, version=before.version + 1, changed_at=now)
    text = msgspec.json.encode(body).decode()
    await stored.replace(
        conn, shelf.kind, Row(id, text, before.owner or "", sight.tree, after.version, now), reader.who
    )
    return after


async def delete(conn: Connection, shelf: Shelf[Body], id: str, reader: Reader, if_match: str | None) -> None:
    """Take one away. Raises NotFound, ShippedStays, NotYours, Changed."""
    await stored.lock(conn)
    (await one(conn, shelf, id, reader)).check_change(reader, if_match)
    await stored.delete(conn, shelf.kind, id)


def _saved(shelf: Shelf[Body], row: Row) -> Saved[Body]:
    body = msgspec.json.decode(row.body, type=shelf.shape)
    return Saved(row.id, body, row.owner, Sight(tree=row.tree), row.version, row.changed_at)
