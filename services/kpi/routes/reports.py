"""Reports over HTTP: shipped and saved ones, and their results."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Query, Request, Response

from services.kpi.domain.reports import Report, read
from services.kpi.handlers import run_report, saved
from services.kpi.routes.asking import deps_of
from services.kpi.routes.results import RESULT, ResultQuery, result
from services.kpi.routes.saving import Reader, saving

EXAMPLE = {
    "label": {"en": "Web sales by rep"},
    "kpis": ["sales_amount", "order_count"],
    "subject_kind": "rep",
    "period": "last_12_months",
    "grain": "month",
    "group_by": ["attributes.segment"],
    "filter": {"field": "attributes.channel", "operator": "eq", "value": "web"},
    "compare": "previous_year",
    "shown_to": {"roles": ["manager"]},
}
router = saving("report", lambda deps: deps.reports, run_report.check, EXAMPLE)


@router.get(
    "/v1/reports/{id}/result",
    summary="The result of a report, as JSON, CSV or XLSX",
    response_class=Response,
    responses=RESULT,
)
async def read_result(request: Request, id: str, caller: Reader, query: Annotated[ResultQuery, Query()]) -> Response:
    deps = deps_of(request)
    async with deps.database.transaction(readonly=True) as conn:
        found = await saved.one(conn, deps.reports, id, await saved.reader(conn, caller, deps.today()))
    return await result(request, found.body, caller, query, found.id)


@router.post(
    "/v1/reports/run",
    summary="The result of a report that is not saved",
    response_class=Response,
    responses=RESULT,
)
async def run_once(
    request: Request,
    caller: Reader,
    body: Annotated[dict[str, Any], Body(examples=[EXAMPLE])],
    query: Annotated[ResultQuery, Query()],
) -> Response:
    return await result(request, read(body, Report), caller, query, "report")
