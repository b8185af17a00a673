"""auth as an HTTP application."""

from __future__ import annotations

from fastapi import FastAPI

from chassis.app import create
from chassis.tokens import Verifier
from services.auth.handlers import Auth
from services.auth.routes import ERROR_STATUS, ROUTERS


def create_app(auth: Auth, verifier: Verifier) -> FastAPI:
    """The application over these use cases; ``verifier`` checks the tokens that come back."""

    async def ready() -> None:
        async with auth.database.transaction(readonly=True) as conn:
            await conn.fetchval("select count(*) from signing_key")

    app = create(
        "Merit auth",
        "People, teams, dated memberships, roles, clients and tokens.",
        verifier=verifier,
        clock=auth.clock,
        ready=ready,
        error_status=ERROR_STATUS,
    )
    app.state.auth = auth
    for router in ROUTERS:
        app.include_router(router)
    return app
