"""One document for all services, and a start that is refused when routes and policies are not the same set."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway import openapi
from gateway.policies import GATEWAY, POLICIES, PUBLIC, Policy, PolicyInvalid


def described(schema: dict[str, Any], **paths: Any) -> dict[str, Any]:
    return {
        "openapi": "3.1.0",
        "info": {"title": "x", "version": "1", "description": "about x"},
        "paths": paths,
        "components": {"schemas": {"Page": schema, "HTTPValidationError": {"type": "object"}}},
    }


def listing(name: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}
    wrong = {"application/json": {"schema": {"$ref": "#/components/schemas/HTTPValidationError"}}}
    answers = {"200": {"description": "ok", "content": content}, "422": {"description": "no", "content": wrong}}
    return {"summary": "List", "responses": answers}


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [r for value in node.values() for r in references(value)]
    return [r for child in node for r in references(child)] if isinstance(node, list) else []


KPIS = Policy("GET", "/v1/kpis", "kpi", "kpis.read")
PLANS = Policy("GET", "/v1/plans/{key}", "incentive", "plans.read")
TOKEN = Policy("POST", "/oauth/token", "auth", PUBLIC)


def test_names_that_clash_are_told_apart() -> None:
    documents = {
        "kpi": described({"title": "of KPIs"}, **{"/v1/kpis": {"get": listing("Page")}}),
        "incentive": described({"title": "of plans"}, **{"/v1/plans/{plan}": {"get": listing("Page")}}),
    }
    merged = openapi.merge([KPIS, PLANS], documents, "1")
    schemas = merged["components"]["schemas"]
    assert set(schemas) == {"Problem", "kpi.Page", "incentive.Page"}
    answer = merged["paths"]["/v1/plans/{plan}"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/incentive.Page"}
    for reference in references(merged):
        at: Any = merged
        for step in reference.removeprefix("#/").split("/"):
            at = at[step]
        assert at


def test_each_route_shows_what_it_needs() -> None:
    documents = {
        "kpi": described({}, **{"/v1/kpis": {"get": listing("Page")}}),
        "auth": described({}, **{"/oauth/token": {"post": listing("Page")}}),
    }
    paths = openapi.merge([KPIS, TOKEN], documents, "1")["paths"]
    kpis, token = paths["/v1/kpis"]["get"], paths["/oauth/token"]["post"]
    assert (kpis["x-permission"], kpis["security"], kpis["tags"]) == ("kpis.read", [{"oauth2": ["kpis.read"]}], ["kpi"])
    assert set(kpis["responses"]) == {"200", "401", "403", "422"}
    assert (token["x-permission"], token["security"]) == (None, [])
    assert set(token["responses"]) == {"200", "422"}


def test_a_route_without_a_policy_is_not_in_the_document() -> None:
    documents = {"kpi": described({}, **{"/v1/kpis": {"get": listing("Page"), "post": listing("Page")}})}
    assert set(openapi.merge([KPIS], documents, "1")["paths"]["/v1/kpis"]) == {"get"}


def test_routes_and_policies_must_be_the_same_set() -> None:
    item = {"get": {}, "delete": {}, "parameters": []}
    documents = {"kpi": described({}, **{"/v1/kpis": item, "/v1/kpis/{key}": {"get": {}}})}
    with pytest.raises(PolicyInvalid) as caught:
        openapi.check_routes([KPIS, PLANS], documents, [])
    assert str(caught.value).splitlines() == [
        "kpi: DELETE /v1/kpis has no policy",
        "kpi: GET /v1/kpis/{key} has no policy",
        "incentive: GET /v1/plans/{key} has a policy and no route",
    ]


async def test_a_service_with_an_undeclared_route_does_not_start(make_edge: Any, edge: Any) -> None:
    services = dict(edge.services)
    services["kpi"].paths["/v1/secrets"] = {"get": {}}
    with pytest.raises(PolicyInvalid, match="kpi: GET /v1/secrets has no policy"):
        await make_edge(services)


async def test_a_service_without_a_declared_route_does_not_start(make_edge: Any, edge: Any) -> None:
    services = dict(edge.services)
    del services["incentive"].paths["/v1/ledger/balance"]
    with pytest.raises(PolicyInvalid, match="incentive: GET /v1/ledger/balance has a policy and no route"):
        await make_edge(services)


async def test_a_service_that_is_not_there_or_says_nothing(make_edge: Any, edge: Any) -> None:
    without = {name: app for name, app in edge.services.items() if name != "kpi"}
    with pytest.raises(PolicyInvalid, match="kpi"):
        await make_edge(without)

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with pytest.raises(openapi.ServiceSilent, match="kpi answered 404"):
        await make_edge({**edge.services, "kpi": silent})


async def test_the_document_has_every_route_behind_the_gateway(edge: Any) -> None:
    answer = await edge.ask("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    listed = {(m.upper(), path) for path, item in answer.json()["paths"].items() for m in item}
    assert listed == {(p.method, p.path) for p in POLICIES if p.service != GATEWAY}
    assert json.dumps(answer.json()).count('"x-permission"') == len(listed)


async def test_the_page_is_whole_and_asks_nobody_else(edge: Any) -> None:
    page = await edge.ask("GET", "/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "unsafe" not in page.headers["content-security-policy"]
    for name, kind in (("docs.js", "text/javascript"), ("docs.css", "text/css")):
        assert f"/docs/{name}" in page.text
        part = await edge.ask("GET", f"/docs/{name}")
        assert part.headers["content-type"].startswith(kind)
        assert "://" not in part.text
    assert "://" not in page.text
    assert "innerHTML" not in (await edge.ask("GET", "/docs/docs.js")).text
