"""kpi with other definitions out of the box: ``python -m benchmarks.kpi_with worker | relay | api``.

MERIT_BENCH_DEFINITIONS names their folder; everything else is services.kpi as it is. One address more is answered at
once, to know what a read costs before anything is read: the gateway lets it through as a KPI of that name.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends
from fastapi.routing import APIRoute

from chassis import process
from chassis.app import Service
from chassis.tokens import Caller, requires
from services.kpi import __main__ as kpi
from services.kpi.settings import KpiSettings

EMPTY_PATH = "/v1/kpis/empty"


async def build(settings: KpiSettings, **parts: Any) -> Service:
    """kpi, and the empty address before its own."""
    service = await kpi.build(settings, **parts)
    service.app.router.routes.insert(0, APIRoute(EMPTY_PATH, _empty))
    return service


async def _empty(_: Annotated[Caller, Depends(requires("kpis.read"))]) -> dict[str, Any]:
    return {}


if __name__ == "__main__":
    kpi.SHIPPED = Path(os.environ["MERIT_BENCH_DEFINITIONS"])
    sys.exit(process.main(kpi.SCHEMA, KpiSettings, build, kpi.MIGRATIONS, ("worker", "relay")))
