"""kpi's HTTP application."""

from __future__ import annotations

from fastapi import FastAPI

from chassis import app as chassis_app
from services.kpi.routes import ERROR_STATUS, ROUTERS
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
    return app
