"""The check of promise 1 over HTTP."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Depends, Response

from chassis.checks import told
from chassis.tokens import Caller, requires
from services.ingest.handlers.verify import Verification
from services.ingest.routes.shapes import (
    CheckBody,
)

Operator = Annotated[Caller, Depends(requires("operations.read"))]


def router(verification: Verification) -> APIRouter:
    """The route over this use case."""
    routes = APIRouter()

    @routes.get("/v1/verification/events", summary="Check promise 1", response_model=list[CheckBody])
    async def verify_events(caller: Operator) -> Response:
        """Walk the log: does every accepted event lie where it should, unchanged? A line per check."""
        return _json(told("events", await verification.events()))

    return routes


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
