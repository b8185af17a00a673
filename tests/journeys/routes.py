"""Who may use which route, and how to ask it for something: written down from the semantics by the tests' own hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

REP, MANAGER, ANALYST, COMPENSATION = "rep", "manager", "analyst", "compensation"
FINANCE, ADMIN, AUDITOR, INTEGRATION = "finance", "admin", "auditor", "integration"
ROLES = (REP, MANAGER, ANALYST, COMPENSATION, FINANCE, ADMIN, AUDITOR, INTEGRATION)

READS_KPIS = {REP, MANAGER, ANALYST, COMPENSATION, FINANCE, AUDITOR}
READS_PAY = {REP, MANAGER, COMPENSATION, FINANCE, AUDITOR}
READS_PEOPLE = {MANAGER, ANALYST, COMPENSATION, FINANCE, ADMIN, AUDITOR}
READS_EVENTS = {ANALYST, ADMIN, AUDITOR, INTEGRATION}
EDITS_EVENTS = {ADMIN, INTEGRATION}
DEFINES_KPIS = {ANALYST, COMPENSATION}
SAVES_REPORTS = {MANAGER, ANALYST}
OPERATES = {ADMIN, AUDITOR}
EVERYBODY = {*ROLES, None}
SPAN = {"from": "2011-01-01", "to": "2015-01-01"}


@dataclass(frozen=True)
class Route:
    """A route: who may use it, and a request of it that asks for something."""

    method: str
    path: str
    roles: set[Any]
    query: dict[str, str] = field(default_factory=dict)
    place: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return self.method, self.path

    def url(self, **other: str) -> str:
        """The address of this request, some of its places taken by other ids."""
        return self.path.format(**(self.place | other))


ROUTES = [
    Route("POST", "/v1/events", {INTEGRATION}),
    Route("GET", "/v1/quarantine", READS_EVENTS),
    Route("GET", "/v1/quarantine/{quarantine_id}", READS_EVENTS, place={"quarantine_id": "unknown"}),
    Route("PATCH", "/v1/quarantine/{quarantine_id}", EDITS_EVENTS, place={"quarantine_id": "unknown"}),
    Route("POST", "/v1/quarantine/{quarantine_id}/resubmit", EDITS_EVENTS, place={"quarantine_id": "unknown"}),
    Route("POST", "/v1/quarantine/{quarantine_id}/discard", EDITS_EVENTS, place={"quarantine_id": "x"}),
    Route("POST", "/v1/quarantine/bulk", EDITS_EVENTS),
    Route("GET", "/v1/audit/quarantine", {FINANCE, ADMIN, AUDITOR}),
    Route("GET", "/v1/event-types", READS_EVENTS),
    Route("GET", "/v1/event-types/{type}", READS_EVENTS, place={"type": "crm.order.placed.v1"}),
    Route("PUT", "/v1/event-types/{type}", {ADMIN, INTEGRATION}, place={"type": "crm.order.placed.v1"}),
    Route("GET", "/v1/custom-fields", READS_EVENTS),
    Route("GET", "/v1/custom-fields/{name}", READS_EVENTS, place={"name": "unknown"}),
    Route("PUT", "/v1/custom-fields/{name}", {ADMIN, INTEGRATION}, place={"name": "margin"}),
    Route("DELETE", "/v1/custom-fields/{name}", {ADMIN, INTEGRATION}, place={"name": "unknown"}),
    Route("GET", "/v1/kpis", READS_KPIS),
    Route("GET", "/v1/kpis/{key}", READS_KPIS, place={"key": "sales_amount"}),
    Route("PUT", "/v1/kpis/{key}", DEFINES_KPIS, place={"key": "sales_amount"}),
    Route("GET", "/v1/kpi-drafts", DEFINES_KPIS),
    Route("GET", "/v1/kpis/{key}/draft", DEFINES_KPIS, place={"key": "unknown"}),
    Route("PUT", "/v1/kpis/{key}/draft", DEFINES_KPIS, place={"key": "sales_amount"}),
    Route("DELETE", "/v1/kpis/{key}/draft", DEFINES_KPIS, place={"key": "unknown"}),
    Route("POST", "/v1/kpis/{key}/publish", DEFINES_KPIS, place={"key": "unknown"}),
    Route("GET", "/v1/kpis/{key}/versions", READS_KPIS, place={"key": "sales_amount"}),
    Route("GET", "/v1/kpis/{key}/versions/{version}", READS_KPIS, place={"key": "sales_amount", "version": "1"}),
    Route("DELETE", "/v1/kpis/{key}/versions/{version}", DEFINES_KPIS, place={"key": "unknown", "version": "9"}),
    Route("POST", "/v1/kpis/{key}/preview", DEFINES_KPIS, place={"key": "sales_amount"}),
    Route("GET", "/v1/kpis/{key}/values", READS_KPIS, {"subject_kind": "rep", **SPAN}, place={"key": "sales_amount"}),
    Route(
        "GET",
        "/v1/kpis/{key}/facts",
        READS_KPIS,
        {"subject_kind": "company", "subject": "unknown", **SPAN},
        place={"key": "unknown"},
    ),
    Route("GET", "/v1/reports", READS_KPIS),
    Route("POST", "/v1/reports", SAVES_REPORTS),
    Route("POST", "/v1/reports/run", READS_KPIS),
    Route("GET", "/v1/reports/{id}", READS_KPIS, place={"id": "monthly_sales"}),
    Route("PUT", "/v1/reports/{id}", SAVES_REPORTS, place={"id": "monthly_sales"}),
    Route("DELETE", "/v1/reports/{id}", SAVES_REPORTS, place={"id": "unknown"}),
    Route("GET", "/v1/reports/{id}/result", READS_KPIS, place={"id": "year_over_year"}),
    Route("GET", "/v1/leaderboards", READS_KPIS),
    Route("POST", "/v1/leaderboards", SAVES_REPORTS),
    Route("GET", "/v1/leaderboards/{id}", READS_KPIS, place={"id": "unknown"}),
    Route("PUT", "/v1/leaderboards/{id}", SAVES_REPORTS, place={"id": "x"}),
    Route("DELETE", "/v1/leaderboards/{id}", SAVES_REPORTS, place={"id": "unknown"}),
    Route("GET", "/v1/leaderboards/{id}/ranks", READS_KPIS, place={"id": "unknown"}),
    Route("POST", "/v1/rates", {COMPENSATION, FINANCE}),
    Route("GET", "/v1/rates", READS_KPIS),
    Route("GET", "/v1/data-quality", READS_KPIS, {"kind": "waiting"}),
    Route("GET", "/v1/data-quality/statistics", READS_KPIS, {"group_by": "week", **SPAN}),
    Route("GET", "/v1/targets/attainment", READS_KPIS),
    Route("GET", "/v1/targets", READS_KPIS),
    Route("POST", "/v1/targets", {COMPENSATION}),
    Route("GET", "/v1/payee-parameters", READS_PAY),
    Route("POST", "/v1/payee-parameters", {COMPENSATION}),
    Route("GET", "/v1/plans", READS_PAY),
    Route("GET", "/v1/plans/{key}", READS_PAY, place={"key": "standard"}),
    Route("PUT", "/v1/plans/{key}", {COMPENSATION}, place={"key": "standard"}),
    Route("POST", "/v1/plans/validate", {COMPENSATION}),
    Route("GET", "/v1/earnings", READS_PAY),
    Route("GET", "/v1/earnings/lines", READS_PAY),
    Route("GET", "/v1/earnings/lines/{line_id}", READS_PAY, place={"line_id": "unknown"}),
    Route("GET", "/v1/earnings/lines/{line_id}/trace", READS_PAY, place={"line_id": "unknown"}),
    Route("GET", "/v1/ledger/balance", READS_PAY),
    Route("POST", "/v1/people", {ADMIN}),
    Route("GET", "/v1/people", READS_PEOPLE),
    Route("GET", "/v1/people/{person_id}", READS_PEOPLE, place={"person_id": "r2"}),
    Route("POST", "/v1/teams", {ADMIN}),
    Route("GET", "/v1/teams", READS_PEOPLE),
    Route("POST", "/v1/memberships", {ADMIN}),
    Route("GET", "/v1/memberships", READS_PEOPLE),
    Route("GET", "/v1/roles", READS_PEOPLE),
    Route("POST", "/v1/clients", {ADMIN}),
    Route("GET", "/v1/dead-letters/kpi", OPERATES),
    Route("GET", "/v1/dead-letters/kpi/{dead_letter_id}", OPERATES, place={"dead_letter_id": "unknown"}),
    Route("POST", "/v1/dead-letters/kpi/{dead_letter_id}/replay", {ADMIN}, place={"dead_letter_id": "unknown"}),
    Route("POST", "/v1/dead-letters/kpi/{dead_letter_id}/discard", {ADMIN}, place={"dead_letter_id": "unknown"}),
    Route("GET", "/v1/dead-letters/incentive", OPERATES),
    Route("GET", "/v1/dead-letters/incentive/{dead_letter_id}", OPERATES, place={"dead_letter_id": "unknown"}),
    Route("POST", "/v1/dead-letters/incentive/{dead_letter_id}/replay", {ADMIN}, place={"dead_letter_id": "unknown"}),
    Route("POST", "/v1/dead-letters/incentive/{dead_letter_id}/discard", {ADMIN}, place={"dead_letter_id": "unknown"}),
    Route("GET", "/v1/verification/events", OPERATES),
    Route("GET", "/v1/verification/kpis", OPERATES),
    Route("GET", "/v1/verification/ledger", OPERATES),
    Route("GET", "/v1/verification/awards", OPERATES),
    Route("POST", "/oauth/token", EVERYBODY),
    Route("GET", "/.well-known/jwks.json", EVERYBODY),
    Route("GET", "/.well-known/oauth-authorization-server", EVERYBODY),
    Route("GET", "/openapi.json", EVERYBODY),
    Route("GET", "/asyncapi.json", EVERYBODY),
    Route("GET", "/docs", EVERYBODY),
    Route("GET", "/livez", EVERYBODY),
    Route("GET", "/readyz", EVERYBODY),
]
