"""Reports over HTTP: shipped and saved ones, and their results."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from chassis.tokens import Caller, requires
from services.kpi.domain.reports import Report, read
from services.kpi.handlers import run_report, saved
from services.kpi.routes.asking import PageQuery, deps_of, sight_of
from services.kpi.routes.results import RESULT, ResultQuery, result
from services.kpi.routes.saving import IfMatch, Once, page, posted, told

router = APIRouter()
Reader = Annotated[Caller, Depends(requires("kpis.read"))]
Maker = Annotated[Caller, Depends(requires("reports.define"))]
EXAMPLE = {
    "label": {"en": "Web sales by rep"},
    "kpis": ["sales_amount", "order_count"],
    "subject_kind": "rep",
    "period": "last_12_months",
    "grain": "month",
    "group_by": ["product"],
    "filter": {"field": "attributes.channel", "operator": "eq", "value": "web"},
    "compare": "previous_year",
    "shown_to": {"roles": ["manager"]},
}
Sent = Annotated[dict[str, Any], posted(EXAMPLE)]


@router.get("/v1/reports", summary="The reports that are shipped, yours, or shown to you")
async def list_reports(request: Request, caller: Reader, query: Annotated[PageQuery, Query()]) -> dict[str, Any]:
    deps = deps_of(request)
    async with deps.database.transaction(readonly=True) as conn:
        reader = await saved.reader(conn, caller, deps.today())
        found = await saved.listed(conn, deps.reports, reader, query.cursor, query.limit + 1)
    return page(found, query.limit, "report")


@router.post("/v1/reports", summary="Save a report", status_code=201)
async def post_report(request: Request, caller: Maker, body: Sent, once: Once = None) -> Response:
    deps = deps_of(request)
    report, sight = read(body, Report), sight_of(caller, "reports.define")
    async with deps.database.transaction() as conn:
        await run_report.check(conn, report, sight, deps.today())
        reader = await saved.reader(conn, caller, deps.today())
        made = await saved.add(conn, deps.reports, report, reader, sight, deps.clock.now(), deps.clock.new_id(), once)
    return told(made, "report", 201)


@router.get("/v1/reports/{id}", summary="One report")
async def read_report(request: Request, id: str, caller: Reader) -> Response:
    deps = deps_of(request)
    async with deps.database.transaction(readonly=True) as conn:
        return told(await saved.one(conn, deps.reports, id, await saved.reader(conn, caller, deps.today())), "report")


@router.put("/v1/reports/{id}", summary="Change a report that you saved")
async def put_report(request: Request, id: str, caller: Maker, body: Sent, if_match: IfMatch = None) -> Response:
    deps = deps_of(request)
    report, sight, now = read(body, Report), sight_of(caller, "reports.define"), deps.clock.now()
    async with deps.database.transaction() as conn:
        await run_report.check(conn, report, sight, deps.today())
        reader = await saved.reader(conn, caller, deps.today())
        return told(await saved.change(conn, deps.reports, id, report, reader, sight, now, if_match), "report")


@router.delete("/v1/reports/{id}", summary="Delete a report that you saved", status_code=204)
async def delete_report(request: Request, id: str, caller: Maker, if_match: IfMatch = None) -> Response:
    deps = deps_of(request)
    async with deps.database.transaction() as conn:
        await saved.delete(conn, deps.reports, id, await saved.reader(conn, caller, deps.today()), if_match)
    return Response(status_code=204)


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
async def run_once(request: Request, caller: Reader, body: Sent, query: Annotated[ResultQuery, Query()]) -> Response:
    return await result(request, read(body, Report), caller, query, "report")
