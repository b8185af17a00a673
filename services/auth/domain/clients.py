"""Clients: credentials of a machine, or of a person's scripts, and what they may do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts.access import NARROW_TO_WIDE, Scope
from services.auth.domain.faults import Fault, refuse_if
from services.auth.domain.people import Person
from services.auth.domain.roles import GRANTABLE, ROLES, effective


@dataclass(frozen=True)
class Client:
    """Who may ask for tokens with a secret. ``granted`` comes on top of the roles; ``source`` is a machine's own."""

    client_id: str
    roles: tuple[str, ...]
    granted: Mapping[str, Scope] = field(default_factory=dict)
    person_id: str | None = None
    source: str | None = None

    @property
    def grants(self) -> dict[str, Scope]:
        """The widest of its roles and of what was granted on top."""
        return effective(self.roles, self.granted)


def check_client(client: Client, person: Person | None) -> None:
    """Raise NotValid unless the client makes sense; ``person`` is the one that it names, when there is one."""
    faults = [
        Fault(f"/roles/{i}", "unknown-role", f"there is no role {role!r}; there are {', '.join(ROLES)}")
        for i, role in enumerate(client.roles)
        if role not in ROLES
    ]
    if not client.roles:
        faults.append(Fault("/roles", "roles-required", "a client without a role could do nothing"))
    if client.person_id is not None and person is None:
        faults.append(Fault("/person_id", "unknown-person", f"there is no person {client.person_id!r}"))
    refuse_if(faults + _granted_faults(client))
    if client.person_id is None and (role := _role_of_a_person(client)):
        refuse_if([Fault("/person_id", "person-required", f"the role {role!r} sees what is a person's own: whose?")])


def _granted_faults(client: Client) -> list[Fault]:
    grantable = set().union(*(GRANTABLE.get(role, frozenset()) for role in client.roles))
    faults = []
    for permission, scope in client.granted.items():
        if permission not in grantable:
            detail = f"{permission} cannot be granted to these roles"
            faults.append(Fault(f"/granted/{permission}", "not-grantable", detail))
        elif scope not in NARROW_TO_WIDE:
            faults.append(Fault(f"/granted/{permission}", "unknown-scope", f"there is no scope {scope!r}"))
    return faults


def _role_of_a_person(client: Client) -> str | None:
    """A role whose facts are those of a person; "own actions" in the audit log are the client's, whoever it is."""
    for role in client.roles:
        if any(s in ("own", "tree") for permission, s in ROLES[role].items() if permission != "audit.read"):
            return role
    return None
