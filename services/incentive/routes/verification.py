"""Verification over HTTP: promise 3, a check a line, without amounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from chassis.metric_names import VERIFICATION_FAILED
from chassis.tokens import Caller, requires
from services.incentive.handlers import verify
from services.incentive.routes.asking import deps_of

router = APIRouter()
CanOperate = Annotated[Caller, Depends(requires("operations.read"))]


@router.get("/v1/verification/ledger", summary="Check that the ledger balances and its corrections chain")
async def verify_ledger(request: Request, caller: CanOperate) -> list[dict[str, Any]]:
    async with deps_of(request).database.transaction("repeatable_read", readonly=True) as conn:
        return _shown("ledger", await verify.verify_ledger(conn))


@router.get("/v1/verification/awards", summary="Walk everything again and compare it with the ledger")
async def verify_awards(request: Request, caller: CanOperate) -> list[dict[str, Any]]:
    return _shown("awards", await verify.verify_awards(deps_of(request).database))


def _shown(what: str, checks: Sequence[verify.Check]) -> list[dict[str, Any]]:
    VERIFICATION_FAILED.set(sum(not c.ok for c in checks), what)
    return [{"check": c.check, "ok": c.ok, "examined": c.examined, "detail": c.detail} for c in checks]
