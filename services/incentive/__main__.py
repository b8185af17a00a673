"""The composition root: ``python -m services.incentive api | worker | relay | migrate | check``."""

from __future__ import annotations

import sys
from pathlib import Path

from chassis import process
from chassis.app import Service
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import connect
from chassis.dead_letter_routes import dead_letter_routes
from chassis.outbox import Relay
from chassis.tokens import Verifier
from services.incentive.app import create_app
from services.incentive.consumers import inboxes
from services.incentive.handlers.settle import Settler
from services.incentive.routes.asking import Deps
from services.incentive.settings import IncentiveSettings

SCHEMA = "incentive"
MIGRATIONS = Path(__file__).parent / "migrations"


async def build(settings: IncentiveSettings, *, bus: Bus, clock: Clock, verifier: Verifier) -> Service:
    """Open the database and put the service together. Raises DatabaseUnavailable."""
    database = await connect(settings.database_url, SCHEMA, settings.connections_max)
    readers = inboxes(bus, database, clock, settings.zone_info, settings.batch_records_max)
    loops = {
        "worker": process.together(*(reader.run for reader in readers)),
        "relay": process.together(Settler(database, clock, settings.currency).run, Relay(bus, database).run),
    }
    app = create_app(Deps(database, clock, verifier, settings.currency))
    app.include_router(dead_letter_routes(SCHEMA, database, readers))
    return Service("incentive", app, loops, database.close)


if __name__ == "__main__":
    sys.exit(process.main(SCHEMA, IncentiveSettings, build, MIGRATIONS, ("worker", "relay")))
