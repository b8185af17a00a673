"""Odd values in every path, query and body of every route: each gets an answer with a reason, none a 5xx."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from contracts.access import PERMISSIONS
from gateway.policies import GATEWAY, POLICIES, Policy
from merit import embedded

BEHIND = [policy for policy in POLICIES if policy.service != GATEWAY]
ODD = ["\0", "x" * 3000, "'", "💥", "-1", "9" * 40, "NaN", "2012-13-45", "0001-01-01", "9999-12-31", "%", "WzFd"]
NEEDED = {"subject_kind": "rep", "period": "2012"}
BODIES: list[bytes] = [
    b"",
    b"{",
    b"\xff",
    b"[" * 2000,
    b"null",
    b"[]",
    b'"x"',
    b'{"items": [null]}',
    b'{"items": NaN}',
    b'{"items": [{"person_id": "a", "name": "\\u0000"}]}',
    b'{"items": [{"person_id": "\\ud800", "name": "a"}]}',
    b'{"items": [{"person_id": "a", "kind": "team", "of": "x", "valid_from": 1e400}]}',
    b'{"items": [{"payee_id": "a", "name": "x", "value": "1e400", "valid_from": "0000-00-00"}]}',
    b'{"key": {"a": "\\u0000"}}',
]


@pytest.fixture
async def everything(
    merit: embedded.Running, make_token: Callable[[set[str]], str]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client that may do everything."""
    transport = httpx.ASGITransport(app=merit.gateway, raise_app_exceptions=False)
    headers = {"authorization": f"Bearer {make_token(set(PERMISSIONS))}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://merit", headers=headers) as http:
        yield http


def filled(policy: Policy, value: str) -> str:
    return re.sub(r"\{[^}]+\}", lambda _: quote(value, safe=""), policy.path)


def told(answer: httpx.Response, what: object) -> None:
    assert answer.status_code < 500, (what, answer.text)
    if answer.status_code >= 400 and "error" not in answer.json():
        assert answer.headers["content-type"] == "application/problem+json", what
        assert answer.json()["detail"], what


@pytest.mark.parametrize("policy", [p for p in BEHIND if "{" in p.path], ids=str)
async def test_odd_paths(everything: httpx.AsyncClient, policy: Policy) -> None:
    for odd in ODD:
        body: dict[str, Any] = {} if policy.method == "GET" else {"json": {}}
        answer = await everything.request(policy.method, filled(policy, odd), **body)
        told(answer, odd)
        assert policy.path.endswith("/values") or answer.status_code >= 400, odd


@pytest.mark.parametrize("policy", [p for p in BEHIND if p.method == "GET"], ids=str)
async def test_odd_queries(everything: httpx.AsyncClient, policy: Policy) -> None:
    document = (await everything.get("/openapi.json")).json()
    described = document["paths"].get(policy.path, {}).get("get", {}).get("parameters", [])
    names = [one["name"] for one in described if one["in"] == "query"]
    path = filled(policy, "sales_amount")
    for name in names:
        for odd in ODD:
            given = {key: value for key, value in NEEDED.items() if key in names} | {name: odd}
            told(await everything.get(path, params=given), given)
    told(answer := await everything.get(path, params={"no_such_parameter": "1"}), policy)
    assert answer.status_code in (404, 422) or policy.path.startswith("/.well-known"), policy


@pytest.mark.parametrize("policy", [p for p in BEHIND if p.method != "GET"], ids=str)
async def test_odd_bodies(everything: httpx.AsyncClient, policy: Policy) -> None:
    for body in BODIES:
        answer = await everything.request(
            policy.method, filled(policy, "odd"), content=body, headers={"content-type": "application/json"}
        )
        told(answer, body)
        assert answer.status_code >= 400, body
