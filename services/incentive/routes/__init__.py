"""incentive's HTTP: targets, payees' parameters, plans, earnings, the ledger's balance and verification."""

from __future__ import annotations

from fastapi import APIRouter

from services.incentive.domain.errors import (
    BadItems,
    BadQuestion,
    LineNotFound,
    NotYet,
    PlanNotFound,
    TooManyPlans,
)
from services.incentive.domain.plans import PlanRefused
from services.incentive.routes import earnings, parameters, plans, targets, verification

ERROR_STATUS: dict[type[Exception], int] = {
    LineNotFound: 404,
    PlanNotFound: 404,
    TooManyPlans: 409,
    BadItems: 422,
    BadQuestion: 422,
    PlanRefused: 422,
    NotYet: 503,
}

router = APIRouter()
for part in (targets, parameters, plans, earnings, verification):
    router.include_router(part.router)
