"""Who may use which route: the one table. A route without a line here does not exist for the outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from contracts.access import PERMISSIONS

PUBLIC = "PUBLIC"
"""Stands where a permission would: no token is asked for."""
GATEWAY = "gateway"
"""Stands where a service would: the gateway answers itself."""
TOKEN_BYTES_MAX = 16_384
CORRECTION_BYTES_MAX = 131_072
"""A merge patch, and with it the 500 entries that it is for; what was corrected is kept for ever."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A route, the service that answers it, and the permission that it needs (or PUBLIC).

    ``path`` is a template: ``{name}`` stands for one segment. ``body_bytes_max`` None means the gateway's own limit.
    """

    method: str
    path: str
    service: str
    permission: str
    body_bytes_max: int | None = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


class PolicyInvalid(Exception):
    """The table contradicts itself, or names what does not exist: the gateway does not start."""


POLICIES: tuple[Policy, ...] = (
    # ingest: events come in, and what could not be accepted waits
    Policy("POST", "/v1/events", "ingest", "events.send"),
    Policy("GET", "/v1/quarantine", "ingest", "quarantine.read"),
    Policy("GET", "/v1/quarantine/{quarantine_id}", "ingest", "quarantine.read"),
    Policy("PATCH", "/v1/quarantine/{quarantine_id}", "ingest", "quarantine.write", CORRECTION_BYTES_MAX),
    Policy("POST", "/v1/quarantine/{quarantine_id}/resubmit", "ingest", "quarantine.write"),
    Policy("POST", "/v1/quarantine/{quarantine_id}/discard", "ingest", "quarantine.write"),
    Policy("POST", "/v1/quarantine/bulk", "ingest", "quarantine.write", CORRECTION_BYTES_MAX),
    Policy("GET", "/v1/audit/quarantine", "ingest", "audit.read"),
    Policy("GET", "/v1/event-types", "ingest", "event_types.read"),
    Policy("GET", "/v1/event-types/{type}", "ingest", "event_types.read"),
    Policy("PUT", "/v1/event-types/{type}", "ingest", "event_types.write"),
    Policy("GET", "/v1/custom-fields", "ingest", "event_types.read"),
    Policy("GET", "/v1/custom-fields/{name}", "ingest", "event_types.read"),
    Policy("PUT", "/v1/custom-fields/{name}", "ingest", "event_types.write"),
    Policy("DELETE", "/v1/custom-fields/{name}", "ingest", "event_types.write"),
    Policy("GET", "/v1/verification/events", "ingest", "operations.read"),
    # kpi: definitions, values, attainment, and what is doubtful in the data
    Policy("GET", "/v1/kpis", "kpi", "kpis.read"),
    Policy("GET", "/v1/kpis/{key}", "kpi", "kpis.read"),
    Policy("PUT", "/v1/kpis/{key}", "kpi", "kpis.define"),
    Policy("GET", "/v1/kpi-drafts", "kpi", "kpis.define"),
    Policy("GET", "/v1/kpis/{key}/draft", "kpi", "kpis.define"),
    Policy("PUT", "/v1/kpis/{key}/draft", "kpi", "kpis.define"),
    Policy("DELETE", "/v1/kpis/{key}/draft", "kpi", "kpis.define"),
    Policy("POST", "/v1/kpis/{key}/publish", "kpi", "kpis.define"),
    Policy("GET", "/v1/kpis/{key}/versions", "kpi", "kpis.read"),
    Policy("GET", "/v1/kpis/{key}/versions/{version}", "kpi", "kpis.read"),
    Policy("DELETE", "/v1/kpis/{key}/versions/{version}", "kpi", "kpis.define"),
    Policy("POST", "/v1/kpis/{key}/preview", "kpi", "kpis.define"),
    Policy("GET", "/v1/kpis/{key}/values", "kpi", "kpis.read"),
    Policy("GET", "/v1/kpis/{key}/facts", "kpi", "kpis.read"),
    Policy("GET", "/v1/reports", "kpi", "kpis.read"),
    Policy("POST", "/v1/reports", "kpi", "reports.define"),
    Policy("POST", "/v1/reports/run", "kpi", "kpis.read"),
    Policy("GET", "/v1/reports/{id}", "kpi", "kpis.read"),
    Policy("PUT", "/v1/reports/{id}", "kpi", "reports.define"),
    Policy("DELETE", "/v1/reports/{id}", "kpi", "reports.define"),
    Policy("GET", "/v1/reports/{id}/result", "kpi", "kpis.read"),
    Policy("GET", "/v1/leaderboards", "kpi", "kpis.read"),
    Policy("POST", "/v1/leaderboards", "kpi", "reports.define"),
    Policy("GET", "/v1/leaderboards/{id}", "kpi", "kpis.read"),
    Policy("PUT", "/v1/leaderboards/{id}", "kpi", "reports.define"),
    Policy("DELETE", "/v1/leaderboards/{id}", "kpi", "reports.define"),
    Policy("GET", "/v1/leaderboards/{id}/ranks", "kpi", "kpis.read"),
    Policy("POST", "/v1/rates", "kpi", "rates.write"),
    Policy("GET", "/v1/rates", "kpi", "kpis.read"),
    Policy("GET", "/v1/data-quality", "kpi", "data_quality.read"),
    Policy("GET", "/v1/data-quality/statistics", "kpi", "data_quality.read"),
    Policy("GET", "/v1/targets/attainment", "kpi", "targets.read"),
    Policy("GET", "/v1/verification/kpis", "kpi", "operations.read"),
    Policy("GET", "/v1/dead-letters/kpi", "kpi", "operations.read"),
    Policy("GET", "/v1/dead-letters/kpi/{dead_letter_id}", "kpi", "operations.read"),
    Policy("POST", "/v1/dead-letters/kpi/{dead_letter_id}/replay", "kpi", "operations.write"),
    Policy("POST", "/v1/dead-letters/kpi/{dead_letter_id}/discard", "kpi", "operations.write"),
    # incentive: targets, plans, parameters, earnings and the ledger
    Policy("POST", "/v1/targets", "incentive", "targets.write"),
    Policy("GET", "/v1/targets", "incentive", "targets.read"),
    Policy("POST", "/v1/payee-parameters", "incentive", "parameters.write"),
    Policy("GET", "/v1/payee-parameters", "incentive", "parameters.read"),
    Policy("GET", "/v1/plans", "incentive", "plans.read"),
    Policy("POST", "/v1/plans/validate", "incentive", "plans.write"),
    Policy("GET", "/v1/plans/{key}", "incentive", "plans.read"),
    Policy("PUT", "/v1/plans/{key}", "incentive", "plans.write"),
    Policy("GET", "/v1/earnings", "incentive", "earnings.read"),
    Policy("GET", "/v1/earnings/lines", "incentive", "earnings.read"),
    Policy("GET", "/v1/earnings/lines/{line_id}", "incentive", "earnings.read"),
    Policy("GET", "/v1/earnings/lines/{line_id}/trace", "incentive", "earnings.read"),
    Policy("GET", "/v1/ledger/balance", "incentive", "earnings.read"),
    Policy("GET", "/v1/verification/ledger", "incentive", "operations.read"),
    Policy("GET", "/v1/verification/awards", "incentive", "operations.read"),
    Policy("GET", "/v1/dead-letters/incentive", "incentive", "operations.read"),
    Policy("GET", "/v1/dead-letters/incentive/{dead_letter_id}", "incentive", "operations.read"),
    Policy("POST", "/v1/dead-letters/incentive/{dead_letter_id}/replay", "incentive", "operations.write"),
    Policy("POST", "/v1/dead-letters/incentive/{dead_letter_id}/discard", "incentive", "operations.write"),
    # auth: people, credentials and tokens
    Policy("POST", "/v1/people", "auth", "people.write"),
    Policy("GET", "/v1/people", "auth", "people.read"),
    Policy("GET", "/v1/people/{person_id}", "auth", "people.read"),
    Policy("POST", "/v1/teams", "auth", "people.write"),
    Policy("GET", "/v1/teams", "auth", "people.read"),
    Policy("POST", "/v1/memberships", "auth", "people.write"),
    Policy("GET", "/v1/memberships", "auth", "people.read"),
    Policy("GET", "/v1/roles", "auth", "people.read"),
    Policy("POST", "/v1/clients", "auth", "clients.write"),
    Policy("POST", "/oauth/token", "auth", PUBLIC, body_bytes_max=TOKEN_BYTES_MAX),
    Policy("GET", "/.well-known/jwks.json", "auth", PUBLIC),
    Policy("GET", "/.well-known/oauth-authorization-server", "auth", PUBLIC),
    # the gateway's own
    Policy("GET", "/openapi.json", GATEWAY, PUBLIC),
    Policy("GET", "/asyncapi.json", GATEWAY, PUBLIC),
    Policy("GET", "/docs", GATEWAY, PUBLIC),
    Policy("GET", "/docs/docs.js", GATEWAY, PUBLIC),
    Policy("GET", "/docs/docs.css", GATEWAY, PUBLIC),
    Policy("GET", "/livez", GATEWAY, PUBLIC),
    Policy("GET", "/readyz", GATEWAY, PUBLIC),
)


def check(policies: Iterable[Policy]) -> None:
    """Raise PolicyInvalid for a permission that does not exist, or for a route that stands twice."""
    seen: set[tuple[str, str]] = set()
    for policy in policies:
        if policy.permission != PUBLIC and policy.permission not in PERMISSIONS:
            raise PolicyInvalid(f"{policy}: there is no permission {policy.permission!r}")
        if (policy.method, policy.path) in seen:
            raise PolicyInvalid(f"{policy} stands twice")
        seen.add((policy.method, policy.path))
