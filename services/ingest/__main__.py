"""The composition root: ``python -m services.ingest api | relay | migrate | check``."""

from __future__ import annotations

import sys
from pathlib import Path

from chassis import process
from chassis.app import Service
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import connect
from chassis.outbox import Relay
from chassis.tokens import Verifier
from services.ingest.app import Deps, create_app
from services.ingest.handlers.tell_counts import Teller
from services.ingest.settings import IngestSettings

SCHEMA = "ingest"
MIGRATIONS = Path(__file__).parent / "migrations"


async def build(settings: IngestSettings, *, bus: Bus, clock: Clock, verifier: Verifier) -> Service:
    """Open the database and put the service together; the log may be down. Raises DatabaseUnavailable."""
    database = await connect(settings.database_url, SCHEMA, settings.connections_max)
    app = create_app(Deps(database, bus, clock, verifier, settings.zone_info))
    relay = process.together(Teller(database, clock).run, Relay(bus, database).run)
    return Service("ingest", app, {"relay": relay}, database.close)


if __name__ == "__main__":
    sys.exit(process.main(SCHEMA, IngestSettings, build, MIGRATIONS, ("relay",)))
