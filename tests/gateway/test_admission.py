"""Who comes through: every policy × every role, and what is said to those who do not."""

from __future__ import annotations

import re
from typing import Any

import pytest

from contracts.access import format_grants
from gateway.policies import GATEWAY, POLICIES, PUBLIC, Policy, PolicyInvalid, check
from gateway.routing import Router
from services.auth.domain.roles import ROLES

BEHIND = [policy for policy in POLICIES if policy.service != GATEWAY]


def path_of(policy: Policy) -> str:
    return re.sub(r"\{[^}]+\}", "some-id", policy.path)


@pytest.mark.parametrize("policy", BEHIND, ids=str)
async def test_every_route_for_every_role(edge: Any, policy: Policy) -> None:
    for role, grants in ROLES.items():
        answer = await edge.ask(policy.method, path_of(policy), format_grants(grants))
        if policy.permission == PUBLIC or policy.permission in grants:
            assert answer.status_code == 200, role
            assert answer.json()["service"] == policy.service
            assert answer.json()["path"] == path_of(policy)
            edge.services[policy.service].seen.clear()
        else:
            assert answer.status_code == 403, role
            assert policy.permission in answer.json()["detail"]
            assert all(not service.seen for service in edge.services.values())


@pytest.mark.parametrize("policy", BEHIND, ids=str)
async def test_every_route_without_a_token(edge: Any, policy: Policy) -> None:
    answer = await edge.ask(policy.method, path_of(policy))
    if policy.permission == PUBLIC:
        assert answer.status_code == 200
    else:
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert all(not service.seen for service in edge.services.values())


async def test_two_tokens_are_none(edge: Any) -> None:
    good = f"Bearer {edge.token('kpis.read:all')}"
    headers = [("authorization", good), ("authorization", good)]
    assert (await edge.http.get("/v1/kpis", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/kpis/",
        "/v1//kpis",
        "/V1/kpis",
        "/v1/kpis/a/b",
        "/v1/kpis/a%2Fb/c",
        "/v1/payroll",
        "/v1/kpis/%2e%2e",
        "/v1/kpis/%2e/values",
        "/metrics",
        "/v1/quarantine/x/y",
    ],
)
async def test_what_has_no_policy_does_not_exist(edge: Any, path: str) -> None:
    everything = " ".join(f"{p.permission}:all" for p in POLICIES)
    answer = await edge.ask("GET", path, everything)
    assert answer.status_code == 404
    assert all(not service.seen for service in edge.services.values())


async def test_another_method_is_a_405_that_names_the_right_ones(edge: Any) -> None:
    answer = await edge.ask("DELETE", "/v1/targets", "targets.write:all")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")
    assert (await edge.ask("GET", "/oauth/token")).status_code == 405


@pytest.mark.parametrize(
    ("method", "path", "scope", "status"),
    [
        ("GET", "/nowhere", None, 404),
        ("PUT", "/v1/kpis", None, 405),
        ("GET", "/v1/kpis", None, 401),
        ("GET", "/v1/kpis", "people.read:all", 403),
    ],
)
async def test_refusals_are_problems_with_a_trace_id(
    edge: Any, method: str, path: str, scope: str | None, status: int
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
    answer = await edge.ask(method, path, scope, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["status"], body["trace_id"]) == (status, trace)
    assert body["type"].startswith("https://")


async def test_static_paths_go_before_templates(edge: Any) -> None:
    find = Router(POLICIES).find
    lines, line, trace = find("/v1/earnings/lines"), find("/v1/earnings/lines/7"), find("/v1/earnings/lines/7/trace")
    assert [found["GET"].path for found in (lines, line, trace) if found] == [
        "/v1/earnings/lines",
        "/v1/earnings/lines/{line_id}",
        "/v1/earnings/lines/{line_id}/trace",
    ]
    validate = find("/v1/plans/validate")
    assert validate is not None
    assert validate["POST"].permission == "plans.write"


def test_a_table_that_contradicts_itself_is_refused() -> None:
    check(POLICIES)
    with pytest.raises(PolicyInvalid, match=r"GET /a: there is no permission 'kpis\.raed'"):
        check([Policy("GET", "/a", "kpi", "kpis.raed")])
    with pytest.raises(PolicyInvalid, match="GET /v1/kpis stands twice"):
        check([*POLICIES, Policy("GET", "/v1/kpis", "kpi", PUBLIC)])
