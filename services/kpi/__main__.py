"""The composition root: ``python -m services.kpi api | worker | relay | migrate | check``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from chassis import process
from chassis.app import Service
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import connect
from chassis.dead_letter_routes import dead_letter_routes
from chassis.outbox import Relay
from chassis.tokens import Verifier
from services.kpi.app import create_app
from services.kpi.consumers import inboxes
from services.kpi.domain.definitions import read
from services.kpi.domain.faults import refs
from services.kpi.domain.reports import Report
from services.kpi.domain.reports import read as read_report
from services.kpi.handlers.announce import Announcer
from services.kpi.handlers.backfill import Backfiller
from services.kpi.handlers.define import begin, publish_shipped
from services.kpi.handlers.exchange import Restater
from services.kpi.handlers.saved import reports
from services.kpi.routes.asking import Deps
from services.kpi.settings import KpiSettings

SCHEMA = "kpi"
MIGRATIONS = Path(__file__).parent / "migrations"
SHIPPED = Path(__file__).parent / "definitions"
REPORTS = Path(__file__).parent / "reports"


async def build(settings: KpiSettings, *, bus: Bus, clock: Clock, verifier: Verifier) -> Service:
    """Open the database, publish the shipped definitions, and put the service together. Raises DatabaseUnavailable."""
    database = await connect(settings.database_url, SCHEMA, settings.connections_max)
    async with database.transaction() as conn:
        fiscal_month = await begin(conn, settings.fiscal_month, settings.currency)
        await publish_shipped(conn, shipped(), clock.now())
    readers = inboxes(bus, database, clock, settings.zone_info, settings.batch_records_max)
    zone, shelf = settings.zone_info, reports(shipped_reports())
    app = create_app(Deps(database, bus, clock, verifier, zone, settings.currency, fiscal_month, shelf))
    app.include_router(dead_letter_routes(SCHEMA, database, readers))
    loops = {
        "worker": process.together(*(r.run for r in readers), Restater(database).run),
        "relay": process.together(
            Announcer(database, clock, settings.zone_info).run,
            Backfiller(database, clock).run,
            Relay(bus, database).run,
        ),
    }
    return Service("kpi", app, loops, database.close)


def shipped() -> list[Mapping[str, Any]]:
    """The KPI definitions that come with Merit, those that others are made of first."""
    bodies = [yaml.safe_load(p.read_text(encoding="utf-8")) for p in sorted(SHIPPED.glob("*.yaml"))]
    by_key = {body["key"]: body for body in bodies}
    return [by_key[key] for key in TopologicalSorter({k: refs(read(b)) for k, b in by_key.items()}).static_order()]


def shipped_reports() -> dict[str, Report]:
    """The reports that come with Merit, by their ids: the names of their files."""
    files = sorted(REPORTS.glob("*.yaml"))
    return {p.stem: read_report(yaml.safe_load(p.read_text(encoding="utf-8")), Report) for p in files}


if __name__ == "__main__":
    sys.exit(process.main(SCHEMA, KpiSettings, build, MIGRATIONS, ("worker", "relay")))
