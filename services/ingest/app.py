"""The HTTP application of ingest."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import FastAPI
from starlette.routing import Route

from chassis.app import create
from chassis.bus import Bus
from chassis.clock import Clock
from chassis.db import Database
from chassis.tokens import Verifier
from contracts.topics import CRM_TOPICS
from services.ingest.domain.room import ROOM, Room
from services.ingest.handlers.accept import Intake
from services.ingest.handlers.custom_fields import CustomFields
from services.ingest.handlers.edit import Editing
from services.ingest.handlers.identities import Identities
from services.ingest.handlers.policies import Policies
from services.ingest.handlers.quarantine import Quarantine
from services.ingest.handlers.room import Gauge
from services.ingest.handlers.verify import Verification
from services.ingest.routes import ERROR_STATUS, catalogue, event_docs, events, quarantine, reading

DESCRIPTION = "Takes events in, says what is wrong with each, and puts the sound ones on the log."


@dataclass(frozen=True)
class Deps:
    """What the application stands on: a body may take ``receipt_seconds`` to come in, the quarantine has ``room``."""

    database: Database
    bus: Bus
    clock: Clock
    verifier: Verifier
    zone: ZoneInfo
    receipt_seconds: float = events.RECEIPT_SECONDS_MAX
    room: Room = ROOM


def create_app(deps: Deps) -> FastAPI:
    """The application; it owns nothing that needs closing."""

    async def ready() -> None:
        async with deps.database.transaction(readonly=True) as conn:
            await conn.fetchval("select 1")
        await asyncio.gather(*(deps.bus.ends(topic.name) for topic in CRM_TOPICS))

    app = create(
        "Merit ingest", DESCRIPTION, verifier=deps.verifier, clock=deps.clock, ready=ready, error_status=ERROR_STATUS
    )
    policies, fields = Policies(deps.database, deps.clock), CustomFields(deps.database, deps.clock)
    gauge = Gauge(deps.database, deps.clock, deps.room)
    identities = Identities(deps.database)
    intake = Intake(deps.database, deps.bus, deps.clock, deps.zone, identities, policies, fields, gauge)
    answer = events.Events(intake, deps.receipt_seconds).answer
    app.router.routes.append(Route(events.PATH, answer, methods=["POST"]))
    app.beside("POST", events.PATH, answer)
    app.include_router(quarantine.router(Quarantine(deps.database), Editing(intake)))
    app.include_router(reading.router(Verification(deps.database, deps.bus)))
    app.include_router(catalogue.router(policies, fields))
    _document(app)
    return app


def _document(app: FastAPI) -> None:
    """Put the plain route into the OpenAPI document."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        document["paths"].setdefault(events.PATH, {"post": event_docs.operation()})
        return document

    app.openapi = openapi  # type: ignore[method-assign]
