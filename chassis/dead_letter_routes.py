"""Dead letters over HTTP, the same for every service that reads topics: list, look, replay, discard."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from chassis import dead_letters
from chassis.bus import At, Partition, format_positions, parse_positions
from chassis.db import Connection, Database, Row, passes
from chassis.dead_letters import Handle, NoSuchLetter
from chassis.inbox import Inbox
from chassis.problems import Problem
from chassis.tokens import Caller, requires

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
REPLAYED_MAX = 1_000
"""How many letters of a held key one request replays."""
ID_LENGTH_MAX = 300

CanLook = Annotated[Caller, Depends(requires("operations.read"))]
CanAct = Annotated[Caller, Depends(requires("operations.write"))]
LetterId = Annotated[str, Path(max_length=ID_LENGTH_MAX, description="topic, partition and offset: crm-sales.3.118")]
_LISTED = "topic, partition, record_offset, key, holds, reason, parked_at, appended_at, octet_length(value) as bytes"


class LettersQuery(BaseModel):
    """How much of the list, and from where on; ``holds``: only those of held keys, or only the others."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    cursor: Annotated[str, Field(max_length=ID_LENGTH_MAX)] = ""
    holds: bool | None = None


def dead_letter_routes(service: str, database: Database, readers: Iterable[Inbox]) -> APIRouter:
    """The routes of one service; its ``readers`` know how each topic's records are handled."""
    handles = {topic: reader.handle for reader in readers for topic in reader.topics}
    base = f"/v1/dead-letters/{service}"
    router = APIRouter()

    @router.get(base, summary=f"Records that {service} could not handle, in the log's order")
    async def list_dead_letters(caller: CanLook, query: Annotated[LettersQuery, Query()]) -> dict[str, Any]:
        async with database.transaction(readonly=True) as conn:
            rows = await _listed(conn, query)
        shown = [_shown(row) for row in rows[: query.limit]]
        more = len(rows) > query.limit
        return {"items": shown, "next_cursor": shown[-1]["dead_letter_id"] if more else None}

    @router.get(base + "/{dead_letter_id}", summary="One of them, with its original bytes")
    async def read_dead_letter(caller: CanLook, dead_letter_id: LetterId) -> dict[str, Any]:
        async with database.transaction(readonly=True) as conn:
            query = f"select {_LISTED}, value, headers from dead_letter where (topic, partition, record_offset)"
            place = _place(dead_letter_id)
            row = await conn.fetchrow(f"{query} = ($1, $2, $3)", *place.partition, place.offset)
        if row is None:
            raise _not_found()
        return _shown(row) | _whole(row)

    @router.post(base + "/{dead_letter_id}/replay", summary="Handle it again; of a held key all that waits, in order")
    async def replay_dead_letter(request: Request, caller: CanAct, dead_letter_id: LetterId) -> dict[str, Any]:
        return await _replay(database, _place(dead_letter_id), handles)

    @router.post(base + "/{dead_letter_id}/discard", summary="Forget it for good; what waits behind it stays")
    async def discard_dead_letter(request: Request, caller: CanAct, dead_letter_id: LetterId) -> dict[str, Any]:
        try:
            async with database.transaction() as conn:
                await dead_letters.discard(conn, _place(dead_letter_id))
        except NoSuchLetter as error:
            raise _not_found() from error
        return {"discarded": 1}

    return router


async def _listed(conn: Connection, query: LettersQuery) -> list[Row]:
    after = _place(query.cursor) if query.cursor else At(Partition("", 0), -1)
    return await conn.fetch(
        f"select {_LISTED} from dead_letter where (topic, partition, record_offset) > ($1, $2, $3)"
        " and ($4::bool is null or holds = $4) order by topic, partition, record_offset limit $5",
        *after.partition,
        after.offset,
        query.holds,
        query.limit + 1,
    )


async def _replay(database: Database, place: At, handles: Mapping[str, Handle]) -> dict[str, Any]:
    """Record by record, up to the first that still cannot be handled: that one, and what waits behind it, stays."""
    replayed, failed = 0, None
    try:
        async with database.transaction() as conn:
            letters = await dead_letters.following(conn, place, REPLAYED_MAX)
            for record in letters:
                try:
                    await dead_letters.replay(conn, record, handles[record.partition.topic])
                except Exception as error:
                    if passes(error):
                        raise
                    failed = error
                    await dead_letters.tell_reason(conn, record, error)
                    break
                replayed += 1
    except NoSuchLetter as error:
        raise _not_found() from error
    if failed is not None and not replayed:
        raise Problem(409, "still-failing", f"it cannot be handled yet: {type(failed).__name__}")
    return {"replayed": replayed, "failed": type(failed).__name__ if failed else None}


def _shown(row: Row) -> dict[str, Any]:
    partition = Partition(row["topic"], row["partition"])
    return {
        "dead_letter_id": format_positions({partition: row["record_offset"]}),
        "topic": row["topic"],
        "partition": row["partition"],
        "offset": row["record_offset"],
        "key": row["key"].decode(errors="backslashreplace"),
        "bytes": row["bytes"],
        "holds": row["holds"],
        "reason": row["reason"],
        "appended_at": row["appended_at"].isoformat(),
        "parked_at": row["parked_at"].isoformat(),
    }


def _whole(row: Row) -> dict[str, Any]:
    headers = dead_letters.headers_of(row)
    return {
        "value": base64.b64encode(row["value"]).decode(),
        "headers": [{"name": name, "value": base64.b64encode(value).decode()} for name, value in headers],
    }


def _place(text: str) -> At:
    """Where a letter's record lies on the log. Raises Problem 404 for what can be no letter."""
    try:
        [(partition, offset)] = parse_positions(text).items()
    except ValueError as error:
        raise _not_found() from error
    if "\0" in partition.topic or partition.number >= 1 << 31 or offset >= 1 << 63:
        raise _not_found()
    return At(partition, offset)


def _not_found() -> Problem:
    return Problem(404, "dead-letter-not-found", "there is no such dead letter, or not any more")
