"""Every route that the router lists, for every role: no token 401, no permission 403, and else an answer."""

from __future__ import annotations

import httpx
import pytest

from tests.journeys.routes import EVERYBODY, ROLES, ROUTES, Route
from tests.journeys.sighted import Sighted


async def ask(client: httpx.AsyncClient, route: Route) -> httpx.Response:
    """One request of a route: writes come with an empty body, so that a permitted one fails at its content."""
    if route.method == "GET":
        return await client.get(route.url(), params=route.query)
    return await client.request(route.method, route.url(), content=b"{}", headers={"content-type": "application/json"})


async def test_the_table_of_routes_is_the_routers(told: Sighted) -> None:
    document = (await (await told.driver.as_role("auditor")).get("/openapi.json")).json()
    listed = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    known = {route.key for route in ROUTES}
    assert listed - known == set(), "routes that the table of this test does not know"
    own = {key for key in known - listed if key[1] in ("/openapi.json", "/asyncapi.json", "/docs", "/livez", "/readyz")}
    assert known - listed == own, "routes of the table that the router does not list"


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: f"{r.method} {r.path}")
async def test_without_a_token(told: Sighted, route: Route) -> None:
    async with told.driver.running.client() as nobody:
        status = (await ask(nobody, route)).status_code
        forged = (await ask_forged(nobody, route)).status_code
    if route.roles == EVERYBODY:
        assert status not in (403, 404)
        assert status < 500
    else:
        assert (status, forged) == (401, 401)


async def ask_forged(nobody: httpx.AsyncClient, route: Route) -> httpx.Response:
    """With headers that name a user to services behind a proxy, and a token that nobody signed."""
    headers = {"x-user-id": "top", "x-user-roles": "admin", "authorization": "Bearer e30.e30.e30"}
    return await nobody.request(route.method, route.url(), params=route.query, headers=headers)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", [r for r in ROUTES if r.roles != EVERYBODY], ids=lambda r: f"{r.method} {r.path}")
async def test_each_role(told: Sighted, route: Route, role: str) -> None:
    answer = await ask(await told.client(role), route)
    if role not in route.roles:
        assert answer.status_code == 403, answer.text
        assert answer.json()["type"].endswith("permission-missing")
        return
    expected = {404} if "unknown" in route.place.values() else {200} if route.method == "GET" else {400, 415, 422}
    assert answer.status_code in expected, answer.text
