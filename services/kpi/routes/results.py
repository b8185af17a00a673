"""Answering with the result of a report: out of one snapshot, in the asked format and language.

A file is whole before its first byte is sent: a result that is too large is an error, never half a file; and no
snapshot waits for a slow reader.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import re
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import IO, Annotated, Any, Literal

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from chassis.problems import Problem
from chassis.tokens import Caller
from services.kpi.domain.reports import Report
from services.kpi.domain.sheets import Language
from services.kpi.handlers.run_report import LINES_MAX, VALUES_MAX, Result, run
from services.kpi.routes.asking import Deps, counted, deps_of, sight_of
from services.kpi.routes.report_files import FORMATS, ReportFile

WAIT_SECONDS_MAX = 20
CHUNK_BYTES = 64 * 1024
_WEIGHT = re.compile(r";\s*q\s*=\s*(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)\s*(?:;|$)", re.IGNORECASE)
RESULT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": f"At most {LINES_MAX} lines and {VALUES_MAX} values: more are refused with `too-many-lines`.",
        "content": {media_type: {} for media_type, _ in FORMATS.values()},
    }
}
"""What a result looks like, for the API's own description."""


class ResultQuery(BaseModel):
    """As of which day (today), in which format and language; ``after``: a position to be counted first."""

    model_config = ConfigDict(extra="forbid")

    as_of: dt.date | None = None
    format: Annotated[Literal["json", "csv", "xlsx"] | None, Field(description="goes before `Accept`")] = None
    language: Annotated[Language, Field(description="of the headings")] = "en"
    after: Annotated[str | None, Field(max_length=2_000)] = None


async def result(request: Request, report: Report, caller: Caller, query: ResultQuery, name: str) -> Response:
    """What the caller sees of a report. Raises CannotWork, TooManyLines, NotYet."""
    deps = deps_of(request)
    await counted(deps, query.after)
    ending = query.format or accepted(request.headers.get("accept", ""))
    if ending is None:
        raise Problem(406, "not-acceptable", f"a result is {', '.join(FORMATS)}: none of them is accepted")
    sight, until = sight_of(caller, "kpis.read"), query.as_of or deps.today()
    file = tempfile.TemporaryFile()  # noqa: SIM115 the answer's stream closes it
    try:
        async with _turn(deps.turns), deps.database.transaction("repeatable_read", readonly=True) as conn:
            await _write(await run(conn, report, sight, until), ending, query.language, deps, file)
    except BaseException:
        file.close()
        raise
    size = file.seek(0, os.SEEK_END)
    headers = {"Content-Length": str(size), "Vary": "Accept"}
    if ending != "json":
        headers["Content-Disposition"] = f'attachment; filename="{_plain(name)}-{until}.{ending}"'
    return StreamingResponse(_chunks(file), headers=headers, media_type=FORMATS[ending][0])


def accepted(header: str) -> str | None:
    """The format that an Accept header prefers, the first that it names of equals; None where it wants others only.

    RFC 9110: a name goes before ``text/*``, and that before ``*/*``; a weight of 0 excludes. A header that only
    excludes leaves the rest.
    """
    weights: dict[str, Decimal] = {}
    for part in filter(str.strip, header.split(",")):
        weight = _WEIGHT.search(part)
        weights.setdefault(part.partition(";")[0].strip().lower(), Decimal(weight[1]) if weight else Decimal(1))
    otherwise = Decimal(not any(weights.values()))

    def weight_of(name: str) -> Decimal:
        return next((weights[n] for n in (name, f"{name.partition('/')[0]}/*", "*/*") if n in weights), otherwise)

    types = {media_type.partition(";")[0]: ending for ending, (media_type, _) in FORMATS.items()}
    best = max([*(name for name in weights if name in types), *types], key=weight_of)
    return types[best] if weight_of(best) else None


async def _write(found: Result, ending: str, language: Language, deps: Deps, file: IO[bytes]) -> None:
    writer: ReportFile = FORMATS[ending][1](found, language, deps.currency, file)
    try:
        async for page in found.pages:
            await asyncio.to_thread(writer.add, page)
    finally:
        await asyncio.to_thread(writer.end)


@asynccontextmanager
async def _turn(turns: asyncio.Semaphore) -> AsyncIterator[None]:
    """One of the turns. Raises Problem 503 where none comes free in time."""
    try:
        await asyncio.wait_for(turns.acquire(), WAIT_SECONDS_MAX)
    except TimeoutError as error:
        raise Problem(503, "busy", "enough reports are being made here already: ask again") from error
    try:
        yield
    finally:
        turns.release()


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def _plain(name: str) -> str:
    """A file's name out of an id."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", name) or "report"
