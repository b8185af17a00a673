"""The roles out of the box, as data: permission × scope. Source: the table "Who may do what" of Merit's semantics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from contracts.access import Scope, widest

Grants = Mapping[str, Scope]

_READS_NUMBERS = ("kpis.read", "data_quality.read", "targets.read")
_READS_PAY = ("plans.read", "parameters.read", "earnings.read")
_QUARANTINE = ("quarantine.read", "quarantine.write", "event_types.read", "event_types.write")


def _grants(scope: Scope, *permissions: str) -> dict[str, Scope]:
    return dict.fromkeys(permissions, scope)


ROLES: Mapping[str, Grants] = {
    "rep": _grants("own", *_READS_NUMBERS, *_READS_PAY),
    "manager": _grants("tree", *_READS_NUMBERS, *_READS_PAY, "reports.define", "people.read"),
    "analyst": _grants(
        "all",
        *_READS_NUMBERS,
        "kpis.define",
        "reports.define",
        "people.read",
        "quarantine.read",
        "event_types.read",
    ),
    "compensation": _grants(
        "all",
        *_READS_NUMBERS,
        *_READS_PAY,
        "kpis.define",
        "targets.write",
        "plans.write",
        "rates.write",
        "parameters.write",
        "people.read",
    ),
    "finance": _grants("all", *_READS_NUMBERS, *_READS_PAY, "people.read", "rates.write")
    | _grants("own", "audit.read"),
    # admin runs the house and sees no pay, and no KPI, target or plan either
    "admin": _grants(
        "all",
        *_QUARANTINE,
        "people.read",
        "people.write",
        "clients.write",
        "operations.read",
        "operations.write",
    )
    | _grants("own", "audit.read"),
    "auditor": _grants(
        "all",
        *_READS_NUMBERS,
        *_READS_PAY,
        "quarantine.read",
        "event_types.read",
        "people.read",
        "operations.read",
        "audit.read",
    ),
    "integration": _grants("all", "events.send") | _grants("source", *_QUARANTINE),
}
"""Per role how far each of its permissions reaches."""

GRANTABLE: Mapping[str, frozenset[str]] = {"integration": frozenset({"kpis.read", "data_quality.read"})}
"""What may be granted to a client on top of a role ("as granted" in the table)."""


class UnknownRole(Exception):
    """There is no such role."""


def effective(roles: Iterable[str], granted: Grants | None = None) -> dict[str, Scope]:
    """What these roles, and what was granted on top, allow together: per permission the widest scope.

    Raises UnknownRole.
    """
    sources = [_role(name) for name in roles] + ([granted] if granted else [])
    permissions = {permission for source in sources for permission in source}
    return {p: widest([source[p] for source in sources if p in source]) for p in permissions}


def _role(name: str) -> Grants:
    if name not in ROLES:
        raise UnknownRole(f"there is no role {name!r}")
    return ROLES[name]
