"""Verification over HTTP: promise 3, a check a line, without amounts."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from chassis.checks import told
from chassis.tokens import Caller, requires
from services.incentive.handlers import verify
from services.incentive.routes.asking import deps_of

router = APIRouter()
CanOperate = Annotated[Caller, Depends(requires("operations.read"))]


@router.get("/v1/verification/ledger", summary="Check that the ledger balances and its corrections chain")
async def verify_ledger(request: Request, caller: CanOperate) -> list[dict[str, Any]]:
    async with deps_of(request).database.transaction("repeatable_read", readonly=True) as conn:
        return told("ledger", await verify.verify_ledger(conn))


@router.get("/v1/verification/awards", summary="Walk everything again and compare it with the ledger")
async def verify_awards(request: Request, caller: CanOperate) -> list[dict[str, Any]]:
    deps = deps_of(request)
    return told("awards", await verify.verify_awards(deps.database, deps.currency))
