"""The roles as data, against the table of Merit's semantics, cell by cell."""

from __future__ import annotations

import pytest

from contracts import access
from contracts.access import NARROW_TO_WIDE, PERMISSIONS, format_grants, parse_grants
from services.auth.domain.roles import GRANTABLE, ROLES, UnknownRole, effective

# Copied from "Who may do what", the rows that this version serves; everything else is for rooms that come later.
TABLE = """
| | rep | manager | analyst | compensation | finance | admin | auditor | integration |
| send events | | | | | | | | all |
| quarantine, required fields, custom fields | | | read all | | | all | read all | own source |
| read KPIs, reports, data quality | own | tree | all | all | all | | all | as granted |
| define KPIs, reports | | reports, tree | all | KPIs all | | | | |
| targets: read / write | own / – | tree / split in tree | all / – | all / all | all / – | | all / – | |
| incentive plans: read / write | own | tree / – | | all / all | all / – | | all / – | |
| earnings, statements, traces | own | tree | | all | all | | all | |
| people, teams, roles, webhooks, settings | | read tree | read all | read all | read all | all | read all | |
| rates, reward catalogue, playbooks: write | | playbooks, tree | | all | rates | | | |
| dead letters, replay, traces, operations | | | | | | all | read all | |
| audit log | | | | | own actions | own actions | all | |
"""
READ_AND_WRITE = {  # per row the permissions to read and to write; payee parameters are part of the plans
    "send events": ((), ("events.send",)),
    "quarantine, required fields, custom fields": (
        ("quarantine.read", "event_types.read"),
        ("quarantine.write", "event_types.write"),
    ),
    "read KPIs, reports, data quality": (("kpis.read", "data_quality.read"), ()),
    "define KPIs, reports": ((), ("kpis.define",)),
    "targets: read / write": (("targets.read",), ("targets.write",)),
    "incentive plans: read / write": (("plans.read", "parameters.read"), ("plans.write", "parameters.write")),
    "earnings, statements, traces": (("earnings.read",), ()),
    "people, teams, roles, webhooks, settings": (("people.read",), ("people.write", "clients.write")),
    "rates, reward catalogue, playbooks: write": ((), ("rates.write",)),
    "dead letters, replay, traces, operations": (("operations.read",), ("operations.write",)),
    "audit log": (("audit.read",), ()),
}
SAVES_REPORTS = {"reports, tree": "tree", "all": "all"}  # what "define KPIs, reports" says of reports
MEANING = {  # a cell → how far reading and writing reach; splitting targets is another permission to come
    "": (None, None),
    "own": ("own", None),
    "tree": ("tree", None),
    "all": ("all", "all"),
    "read all": ("all", None),
    "read tree": ("tree", None),
    "own source": ("source", "source"),
    "as granted": (None, None),
    "reports, tree": (None, None),
    "playbooks, tree": (None, None),
    "rates": (None, "all"),
    "KPIs all": ("all", "all"),
    "own / –": ("own", None),
    "tree / –": ("tree", None),
    "tree / split in tree": ("tree", None),
    "all / –": ("all", None),
    "all / all": ("all", "all"),
    "own actions": ("own", None),
}


def cells() -> list[tuple[str, str, str]]:
    """(row, role, cell) of the table."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.strip().splitlines()]
    roles = lines[0][1:]
    return [(line[0], role, cell) for line in lines[1:] for role, cell in zip(roles, line[1:], strict=True)]


@pytest.mark.parametrize(("row", "role", "cell"), cells())
def test_each_cell_is_what_the_role_may(row: str, role: str, cell: str) -> None:
    reads, writes = READ_AND_WRITE[row]
    read_scope, write_scope = MEANING[cell]
    assert {p: ROLES[role].get(p) for p in reads} == dict.fromkeys(reads, read_scope)
    assert {p: ROLES[role].get(p) for p in writes} == dict.fromkeys(writes, write_scope)
    granted = GRANTABLE.get(role, frozenset())
    assert (set(reads) <= granted) == (cell == "as granted") or not reads


@pytest.mark.parametrize(
    ("role", "cell"), [(role, cell) for row, role, cell in cells() if row.startswith("define KPIs")]
)
def test_who_saves_reports(role: str, cell: str) -> None:
    assert ROLES[role].get("reports.define") == SAVES_REPORTS.get(cell)


def test_the_table_speaks_of_every_role_and_permission() -> None:
    assert {role for _, role, _ in cells()} == set(ROLES) == set(access.ROLES)
    told = {permission for both in READ_AND_WRITE.values() for group in both for permission in group}
    told.add("reports.define")
    assert told == set(PERMISSIONS)
    assert {p for grants in ROLES.values() for p in grants} <= told


@pytest.mark.parametrize("permission", ["earnings.read", "plans.read", "parameters.read", "targets.read", "kpis.read"])
def test_admin_sees_no_pay(permission: str) -> None:
    assert permission not in ROLES["admin"]


def test_of_several_roles_the_widest_scope_holds() -> None:
    both = effective(["rep", "manager"])
    assert both["earnings.read"] == "tree"
    assert effective(["manager", "finance", "rep"])["earnings.read"] == "all"
    assert effective(["rep", "admin"])["earnings.read"] == "own"
    assert effective(["admin"])["people.write"] == "all"
    assert effective(["integration"], {"kpis.read": "all"})["kpis.read"] == "all"
    assert effective([]) == {}


def test_no_such_role() -> None:
    with pytest.raises(UnknownRole, match="'king'"):
        effective(["rep", "king"])


@pytest.mark.parametrize("role", ROLES)
def test_the_scope_claim_says_it_and_is_read_back(role: str) -> None:
    assert parse_grants(format_grants(ROLES[role])) == dict(ROLES[role])


def test_a_claim_that_says_more_than_it_should() -> None:
    assert parse_grants("") == {}
    assert parse_grants("kpis.read kpis.read: :all kpis.read:everything plans.read:ALL openid") == {}
    assert parse_grants("kpis.read:own kpis.read:all kpis.read:tree") == {"kpis.read": "all"}
    assert NARROW_TO_WIDE == ("own", "source", "tree", "all")
