"""The real services behind the gateway: each verifies for itself, and asks for what the gateway's policy says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from contracts.access import PERMISSIONS
from gateway.policies import GATEWAY, POLICIES, PUBLIC, Policy
from merit import embedded

BEHIND = [policy for policy in POLICIES if policy.service != GATEWAY]
MakeToken = Callable[[set[str]], str]


def path_of(policy: Policy) -> str:
    return re.sub(r"\{[^}]+\}", "nothing-of-this-name", policy.path)


async def status(app: Any, policy: Policy, token: str | None) -> int:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://merit") as http:
        return (await http.request(policy.method, path_of(policy), headers=headers)).status_code


@pytest.mark.parametrize("door", ["service", "gateway"])
@pytest.mark.parametrize("policy", [p for p in BEHIND if p.permission != PUBLIC], ids=str)
async def test_a_route_opens_to_its_permission_and_to_no_other(
    merit: embedded.Running, make_token: MakeToken, policy: Policy, door: str
) -> None:
    app = merit.gateway if door == "gateway" else merit.services[policy.service].app
    assert await status(app, policy, None) == 401
    assert await status(app, policy, "a.b.c") == 401
    assert await status(app, policy, make_token(set(PERMISSIONS) - {policy.permission})) == 403
    opened = await status(app, policy, make_token({policy.permission}))
    assert opened not in (401, 403)
    assert opened < 500


@pytest.mark.parametrize("policy", [p for p in BEHIND if p.permission == PUBLIC], ids=str)
async def test_a_public_route_asks_for_nothing(merit: embedded.Running, policy: Policy) -> None:
    assert await status(merit.gateway, policy, None) in (200, 400)


async def test_the_merged_document_holds_together(merit: embedded.Running) -> None:
    async with merit.client() as http:
        document = (await http.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    used = set(re.findall(r"#/components/schemas/([^\"]+)", json.dumps(document)))
    assert used <= set(schemas)
    operations = [operation for item in document["paths"].values() for operation in item.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(ids) == len(set(ids)) == len(BEHIND)
    assert all(operation.get("summary") for operation in operations)
