"""kpi's HTTP: definitions, values, attainment, data quality and verification."""

from __future__ import annotations

from fastapi import APIRouter

from chassis.patience import TooSlow
from services.kpi.domain.definitions import BadDefinition
from services.kpi.domain.errors import BadQuestion, DraftChanged, DraftNotFound, KpiNotFound, NotYet, SubjectNotFound
from services.kpi.domain.periods import BadPeriod
from services.kpi.routes import definitions, drafts, quality, quality_table, rates, targets, values

ERROR_STATUS: dict[type[Exception], int] = {
    KpiNotFound: 404,
    SubjectNotFound: 404,
    DraftNotFound: 404,
    DraftChanged: 412,
    BadDefinition: 422,
    BadPeriod: 422,
    BadQuestion: 422,
    TooSlow: 422,
    NotYet: 503,
}

router = APIRouter()
for part in (definitions, drafts, values, targets, quality, quality_table, rates):
    router.include_router(part.router)
