"""KPI values over HTTP: periods, ranges by grain, trailing windows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field

from chassis.query_route import QueryRoute
from chassis.tokens import Caller, requires
from services.kpi.domain.definitions import Compare
from services.kpi.domain.narrowing import FILTER_BYTES_MAX, GROUP_FIELDS_MAX, read_filter
from services.kpi.handlers import read_values
from services.kpi.handlers.compute import Answer
from services.kpi.handlers.questions import Question
from services.kpi.routes.asking import counted, deps_of, sight_of
from services.kpi.routes.windows import WindowsQuery, change_shown, value_item, windows_of

router = APIRouter(route_class=QueryRoute)
CELLS_MAX, VERSION_CELLS_MAX = 20_000, 2_000
"""Values in one page; of a version that is asked for most are read from facts."""
GROUP_BY = "fields of the KPI's facts to split each value up by, such as `attributes.channel` or `product`"
FILTER = "a condition, as in a definition's `where`, that picks the facts to count"
EXAMPLE = '{"field": "attributes.channel", "operator": "eq", "value": "web"}'
VERSION = "all windows by this version, also one that holds no more, instead of by that of each window's last day"
COMPARE = "beside each value that of the period before, or of the year before, and the change"


class ValuesQuery(WindowsQuery):
    """Which subjects, over which windows, split up or narrowed, and beside what."""

    group_by: Annotated[list[str] | None, Field(max_length=GROUP_FIELDS_MAX, description=GROUP_BY)] = None
    filter: Annotated[str | None, Field(max_length=FILTER_BYTES_MAX, description=FILTER, examples=[EXAMPLE])] = None
    compare: Annotated[Compare | None, Field(description=COMPARE)] = None
    version: Annotated[int | None, Field(ge=1, le=1_000_000, description=VERSION)] = None
    completeness: Annotated[bool, Field(description="say also what may still change the answer")] = False


@router.get("/v1/kpis/{key}/values", summary="The values of a KPI over periods, for the subjects in your scope")
async def read_kpi_values(
    request: Request,
    key: str,
    caller: Annotated[Caller, Depends(requires("kpis.read"))],
    query: Annotated[ValuesQuery, Query()],
) -> dict[str, Any]:
    deps = deps_of(request)
    await counted(deps, query.after)
    as_of = query.as_of or deps.today()
    windows = windows_of(query, as_of, deps.fiscal_month)
    limit = max(1, min(query.limit, (VERSION_CELLS_MAX if query.version else CELLS_MAX) // len(windows)))
    where = read_filter(query.filter) if query.filter is not None else None
    by = tuple(query.group_by or ())
    question = Question(
        query.subject_kind,
        query.subject,
        windows,
        as_of,
        by,
        where,
        query.compare,
        query.completeness,
        query.to_date is not None,
    )
    sight = sight_of(caller, "kpis.read")
    page = await read_values.read_values(deps.database, key, question, sight, query.cursor, limit, query.version)
    return {
        "kpi": key,
        "version": page.published.version,
        "unit": page.published.definition.unit,
        "as_of": page.as_of,
        **({"completeness": asdict(page.completeness)} if page.completeness else {}),
        "items": [_answer(query, a, page.measured_by[a.window].version) for a in page.answers],
        "next_cursor": page.next_cursor,
    }


def _answer(query: ValuesQuery, answer: Answer, version: int) -> dict[str, Any]:
    item = value_item(query.subject_kind, answer) | {"version": version}
    if query.group_by:
        item["group"] = dict(zip(query.group_by, answer.group, strict=True))
    if query.compare:
        item["compare"] = change_shown(answer)
    return item
