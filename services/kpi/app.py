"""kpi's HTTP application."""

from __future__ import annotations

from fastapi import FastAPI

from chassis import app as chassis_app
from chassis.query_route import QueryRoute
from services.kpi.routes import ERROR_STATUS, ROUTERS, values
from services.kpi.routes.asking import Deps


def create_app(deps: Deps) -> FastAPI:
    """The application; ready when the database answers."""

    async def ready() -> None:
        async with deps.database.transaction() as conn:
            await conn.execute("select 1 from position limit 1")

    app = chassis_app.create(
        "Merit kpi",
        "KPI definitions, values, attainment and data quality.",
        verifier=deps.verifier,
        clock=deps.clock,
        ready=ready,
        error_status=ERROR_STATUS,
    )
    app.state.deps = deps
    for router in ROUTERS:
        app.include_router(router)
    for route in values.router.routes:
        if isinstance(route, QueryRoute):
            app.beside("GET", route.path, route.get_route_handler())
    return app
