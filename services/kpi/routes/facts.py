"""The facts behind a value over HTTP."""

from __future__ import annotations

import binascii
import datetime as dt
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.tokens import Caller, requires
from contracts.kpi import SubjectKind
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.fact_kinds import FactKind
from services.kpi.domain.narrowing import FILTER_BYTES_MAX, read_filter
from services.kpi.handlers.questions import Question
from services.kpi.handlers.read_facts import Behind, read_facts
from services.kpi.routes.asking import counted, deps_of, sight_of
from services.kpi.routes.values import EXAMPLE, FILTER
from services.kpi.routes.windows import WindowQuery, windows_of

router = APIRouter()
PART = "of a value that stands on several numbers: which one; the answer's `parts` are their names"


class FactsQuery(WindowQuery):
    """Of which subject, over which one window, and which part of the value."""

    subject_kind: SubjectKind
    subject: Annotated[str, Field(max_length=200)]
    part: Annotated[str | None, Field(max_length=500, description=PART)] = None
    filter: Annotated[str | None, Field(max_length=FILTER_BYTES_MAX, description=FILTER, examples=[EXAMPLE])] = None


@router.get("/v1/kpis/{key}/facts", summary="The facts behind one value of a KPI")
async def read_kpi_facts(
    request: Request,
    key: str,
    caller: Annotated[Caller, Depends(requires("kpis.read"))],
    query: Annotated[FactsQuery, Query()],
) -> dict[str, Any]:
    deps = deps_of(request)
    await counted(deps, query.after)
    as_of = query.as_of or deps.today()
    where = read_filter(query.filter) if query.filter is not None else None
    question = Question(
        query.subject_kind, [query.subject], windows_of(query, as_of, deps.fiscal_month), as_of, where=where
    )
    sight, after = sight_of(caller, "kpis.read"), _place(query.cursor)
    async with deps.database.transaction("repeatable_read", readonly=True) as conn:
        drill = await read_facts(conn, key, query.part, question, sight, after, query.limit + 1)
    shown = drill.facts[: query.limit]
    return {
        "kpi": key,
        "version": drill.published.version,
        "as_of": drill.as_of,
        "part": drill.part,
        "parts": drill.parts,
        "over": drill.kind.name,
        "from": drill.window.start,
        "to": drill.window.end,
        "items": [_shown(drill.kind, fact) for fact in shown],
        "next_cursor": _cursor(shown[-1]) if len(drill.facts) > query.limit else None,
    }


def _shown(kind: FactKind, fact: Behind) -> dict[str, Any]:
    """``day`` puts the fact into the window; ``value`` is what it adds to the part."""
    return {
        "day": fact.day,
        kind.object_field: fact.object_id,
        "entry": fact.entry,
        "value": fact.value,
        "rep_ids": fact.rep_ids,
        "customer_id": fact.customer_id,
        "territory": fact.territory,
        **fact.fields,
    }


def _cursor(fact: Behind) -> str:
    return urlsafe_b64encode(msgspec.json.encode([fact.day, fact.object_id, fact.entry])).decode()


def _place(cursor: str) -> Sequence[str]:
    """Behind which fact to go on. Raises BadQuestion."""
    if not cursor:
        return ()
    try:
        day, object_id, entry = msgspec.json.decode(urlsafe_b64decode(cursor), type=tuple[dt.date, str, str])
    except (msgspec.MsgspecError, binascii.Error, ValueError) as error:
        raise BadQuestion("'cursor' is none of ours") from error
    return day.isoformat(), object_id, entry
