"""What a token may say: the permissions, how far each reaches, and the words of the ``scope`` claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

Scope = Literal["own", "source", "tree", "all"]
"""own: the person's own facts; source: what one event source sent; tree: facts dated while their person was below the
caller, and the caller's own; all: no bound."""

NARROW_TO_WIDE: tuple[Scope, ...] = get_args(Scope)

ROLES = ("rep", "manager", "analyst", "compensation", "finance", "admin", "auditor", "integration")
"""What a person or a machine may be; auth says what each may do."""
PERMISSIONS: Mapping[str, str] = {
    "events.send": "send events",
    "quarantine.read": "see events that wait in quarantine",
    "quarantine.write": "correct, resubmit and discard what is in quarantine",
    "event_types.read": "see the catalogue of events and what is required of each",
    "event_types.write": "say which fields an event must have, and declare custom ones",
    "kpis.read": "see KPI definitions and values",
    "kpis.define": "write KPI definitions",
    "reports.define": "save reports and leaderboards",
    "data_quality.read": "see what is missing, conflicting or unresolved in the data",
    "targets.read": "see targets and their attainment",
    "targets.write": "set targets",
    "rates.write": "set the rates between currencies",
    "plans.read": "see incentive plans",
    "plans.write": "write and check incentive plans",
    "earnings.read": "see earnings, their lines and traces",
    "parameters.read": "see the payees' rates, bonuses and other parameters",
    "parameters.write": "set the payees' parameters",
    "people.read": "see people, teams, memberships and roles",
    "people.write": "change people, teams, memberships and roles",
    "clients.write": "make credentials for machines and people",
    "operations.read": "see dead letters, checks and the state of operations",
    "operations.write": "replay, discard and other operations",
    "audit.read": "see who did what",
}
"""Every permission with what it allows, as a person would say it."""


def widest(scopes: Iterable[Scope]) -> Scope:
    """The scope that reaches furthest. Raises ValueError when there is none."""
    return max(scopes, key=NARROW_TO_WIDE.index)


def format_grants(grants: Mapping[str, Scope]) -> str:
    """The ``scope`` claim: sorted words ``permission:scope``, e.g. ``earnings.read:own kpis.read:tree``."""
    return " ".join(f"{permission}:{scope}" for permission, scope in sorted(grants.items()))


def parse_grants(claim: str) -> dict[str, Scope]:
    """Read a ``scope`` claim: a word of any other shape grants nothing, and of two for a permission the wider holds."""
    grants: dict[str, Scope] = {}
    for word in claim.split():
        permission, _, reach = word.rpartition(":")
        scope = next((known for known in NARROW_TO_WIDE if known == reach), None)
        if permission and scope:
            grants[permission] = widest([scope, grants.get(permission, scope)])
    return grants
