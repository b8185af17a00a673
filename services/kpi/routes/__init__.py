"""kpi's HTTP: definitions, values, attainment, data quality and verification."""

from __future__ import annotations

from chassis.patience import TooSlow
from services.kpi.domain.definitions import BadDefinition
from services.kpi.domain.errors import (
    BadQuestion,
    DraftChanged,
    DraftNotFound,
    InUse,
    KpiNotFound,
    NotYet,
    SubjectNotFound,
    VersionNotFound,
    VersionSettled,
)
from services.kpi.domain.periods import BadPeriod
from services.kpi.domain.saved import CannotWork, Changed, KeyReused, NotFound, NotYours, ShippedStays
from services.kpi.handlers.read_ranks import TooManySubjects
from services.kpi.handlers.run_report import TooManyLines
from services.kpi.routes import (
    definitions,
    drafts,
    facts,
    leaderboards,
    quality,
    quality_table,
    rates,
    reports,
    targets,
    values,
    versions,
)

ERROR_STATUS: dict[type[Exception], int] = {
    KpiNotFound: 404,
    SubjectNotFound: 404,
    DraftNotFound: 404,
    VersionNotFound: 404,
    VersionSettled: 409,
    InUse: 409,
    DraftChanged: 412,
    BadDefinition: 422,
    BadPeriod: 422,
    BadQuestion: 422,
    TooSlow: 422,
    NotYet: 503,
    NotFound: 404,
    NotYours: 403,
    ShippedStays: 409,
    Changed: 412,
    CannotWork: 422,
    KeyReused: 422,
    TooManyLines: 422,
    TooManySubjects: 422,
}

ROUTERS = [
    values.router,
    definitions.router,
    drafts.router,
    versions.router,
    facts.router,
    targets.router,
    quality.router,
    quality_table.router,
    rates.router,
    reports.router,
    leaderboards.router,
]
"""The one that is asked most stands first: they are looked through in this order."""
