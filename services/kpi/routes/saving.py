"""The routes by which reports and leaderboards are listed, read, saved, changed and deleted: the same for both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi import Body as Sent

from chassis.db import Connection
from chassis.request_headers import IdempotencyKey, IfMatch
from chassis.tokens import Caller, requires
from services.kpi.domain.reports import read
from services.kpi.domain.saved import Body, Saved
from services.kpi.domain.sight import Sight
from services.kpi.handlers import saved
from services.kpi.handlers.saved import Shelf
from services.kpi.routes.asking import Deps, PageQuery, deps_of, sight_of

Reader = Annotated[Caller, Depends(requires("kpis.read"))]
Maker = Annotated[Caller, Depends(requires("reports.define"))]
Check = Callable[[Connection, Body, Sight, dt.date], Awaitable[None]]
"""Raises CannotWork for what is wrong with a body, by someone who sees so far, on this day."""


def saving(name: str, shelf: Callable[[Deps], Shelf[Body]], check: Check[Body], example: dict[str, Any]) -> APIRouter:
    """The routes under ``/v1/NAMEs``; what a ``GET`` shows under ``name`` can be posted as a copy."""
    router, path, sent = APIRouter(), f"/v1/{name}s", Sent(examples=[example])

    @router.get(path, summary=f"The {name}s that are shipped, yours, or shown to you")
    async def listed(request: Request, caller: Reader, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
        deps = deps_of(request)
        async with deps.database.transaction(readonly=True) as conn:
            reader = await saved.reader(conn, caller, deps.today())
            found = await saved.listed(conn, shelf(deps), reader, query.cursor, query.limit + 1)
        items = found[: query.limit]
        return {
            "items": [_shown(one, name) for one in items],
            "next_cursor": items[-1].id if len(found) > query.limit else None,
        }

    @router.get(path + "/{id}", summary=f"One {name}")
    async def one(request: Request, id: str, caller: Reader) -> Response:
        deps = deps_of(request)
        async with deps.database.transaction(readonly=True) as conn:
            reader = await saved.reader(conn, caller, deps.today())
            return _told(await saved.one(conn, shelf(deps), id, reader), name)

    @router.post(path, summary=f"Save a {name}", status_code=201)
    async def add(
        request: Request, caller: Maker, body: dict[str, Any] = sent, once: IdempotencyKey = None
    ) -> Response:
        deps, sight = deps_of(request), sight_of(caller, "reports.define")
        new, now, id = read(body, shelf(deps).shape), deps.clock.now(), deps.clock.new_id()
        async with deps.database.transaction() as conn:
            await check(conn, new, sight, deps.today())
            reader = await saved.reader(conn, caller, deps.today())
            return _told(await saved.add(conn, shelf(deps), new, reader, sight, now, id, once), name, 201)

    @router.put(path + "/{id}", summary=f"Change a {name} that you saved")
    async def change(
        request: Request, id: str, caller: Maker, body: dict[str, Any] = sent, if_match: IfMatch = None
    ) -> Response:
        deps, sight = deps_of(request), sight_of(caller, "reports.define")
        new, now = read(body, shelf(deps).shape), deps.clock.now()
        async with deps.database.transaction() as conn:
            await check(conn, new, sight, deps.today())
            reader = await saved.reader(conn, caller, deps.today())
            return _told(await saved.change(conn, shelf(deps), id, new, reader, sight, now, if_match), name)

    @router.delete(path + "/{id}", summary=f"Delete a {name} that you saved", status_code=204)
    async def delete(request: Request, id: str, caller: Maker, if_match: IfMatch = None) -> Response:
        deps = deps_of(request)
        async with deps.database.transaction() as conn:
            await saved.delete(conn, shelf(deps), id, await saved.reader(conn, caller, deps.today()), if_match)
        return Response(status_code=204)

    return router


def _shown(found: Saved[Body], name: str) -> dict[str, Any]:
    return {
        "id": found.id,
        "shipped": found.owner is None,
        "owner": found.owner,
        "version": found.version,
        "changed_at": found.changed_at,
        name: msgspec.to_builtins(found.body),
    }


def _told(found: Saved[Body], name: str, status: int = 200) -> Response:
    headers = {"ETag": found.etag} | ({"Location": f"/v1/{name}s/{found.id}"} if status == 201 else {})
    return Response(msgspec.json.encode(_shown(found, name)), status, headers, "application/json")
