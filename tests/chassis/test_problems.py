"""Every error is application/problem+json: stable, pointed, traceable, and telling nothing of the inside."""

from __future__ import annotations

import httpx
import pytest
from fastapi import HTTPException, Request, Response
from pydantic import BaseModel

from chassis import app as chassis_app
from chassis.bus import LogUnavailable
from chassis.db import DatabaseUnavailable
from chassis.problems import MEDIA_TYPE, TYPE_BASE, Fault, Problem, kebab, pointer

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{TRACE_ID}-b7ad6b7169203331-01"


class UnknownThing(Exception):
    """A service's own refusal."""


class PlanFaulty(Exception):
    """A refusal that names places."""

    faults = (Fault("/tiers/0", "gap", "nothing between 1 and 2"),)


class Narrow(UnknownThing):
    """A refusal that is a special case of another."""


class Special(UnknownThing):
    """A special case with a status of its own."""


class Body(BaseModel, extra="forbid"):
    """A write model."""

    amounts: list[int]


ERRORS = {
    "problem": Problem(409, "period-closed", "the period is closed", headers={"X-Hint": "open one"}),
    "pointed": Problem(422, "not-valid", "no", [Fault("/items/3/value", "type", "no number")]),
    "log": LogUnavailable("the log does not answer"),
    "database": DatabaseUnavailable("the database does not answer"),
    "unknown": UnknownThing("there is no thing 7"),
    "narrow": Narrow("there is no thing 8"),
    "special": Special("thing 9 is gone"),
    "faulty": PlanFaulty("the plan cannot work"),
    "http": HTTPException(415, "send JSON"),
    "bug": RuntimeError("select secret from password where host = 'db.internal'"),
}


@pytest.fixture
async def client(clock):
    async def ready() -> None:
        raise DatabaseUnavailable("the database does not answer")

    app = chassis_app.create(
        "Test",
        "",
        verifier=None,
        clock=clock,
        ready=ready,
        error_status={UnknownThing: 404, PlanFaulty: 422, Special: 410},
    )

    @app.get("/raise/{name}")
    async def fail(name: str) -> None:
        raise ERRORS[name]

    @app.post("/body")
    async def body(body: Body, limit: int = 1) -> Body:
        return body

    for name, error in ERRORS.items():
        app.beside("GET", f"/beside/{name}", failing(error))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client


def failing(error: Exception) -> chassis_app.Answer:
    async def answer(request: Request) -> Response:
        raise error

    return answer


CASES = {
    "problem": (409, "period-closed", "the period is closed"),
    "pointed": (422, "not-valid", "no"),
    "log": (503, "unavailable", "the log does not answer"),
    "database": (503, "unavailable", "the database does not answer"),
    "unknown": (404, "unknown-thing", "there is no thing 7"),
    "narrow": (404, "narrow", "there is no thing 8"),
    "special": (410, "special", "thing 9 is gone"),
    "faulty": (422, "plan-faulty", "the plan cannot work"),
    "http": (415, "unsupported-media-type", "send JSON"),
    "bug": (500, "internal", "something went wrong here; the trace id helps to find it"),
}


@pytest.mark.parametrize("where", ["raise", "beside"])
@pytest.mark.parametrize("name", CASES)
async def test_an_error_is_a_problem(client, name, where):
    answer = await client.get(f"/{where}/{name}", headers={"traceparent": TRACEPARENT})
    status, code, detail = CASES[name]
    assert answer.status_code == status
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert (body["type"], body["status"], body["detail"]) == (TYPE_BASE + code, status, detail)
    assert body["title"]
    assert body["trace_id"] == TRACE_ID
    assert ("retry-after" in answer.headers) == (status == 503)
    assert (answer.headers.get("connection") == "close") == (status == 500)


async def test_faults_are_listed_with_their_pointers(client):
    assert (await client.get("/raise/pointed")).json()["errors"] == [
        {"pointer": "/items/3/value", "code": "type", "detail": "no number"}
    ]
    assert (await client.get("/raise/faulty")).json()["errors"][0]["pointer"] == "/tiers/0"
    assert "errors" not in (await client.get("/raise/unknown")).json()


async def test_a_problem_brings_its_own_headers(client):
    assert (await client.get("/raise/problem")).headers["x-hint"] == "open one"


async def test_a_bug_shows_nothing_of_the_inside(client):
    text = (await client.get("/raise/bug")).text
    assert not [word for word in ("secret", "Traceback", "db.internal", "RuntimeError") if word in text]


async def test_the_server_hears_of_a_bug(client):
    client._transport.raise_app_exceptions = True
    for where in ("raise", "beside"):
        assert (await client.get(f"/{where}/unknown")).status_code == 404
        with pytest.raises(RuntimeError):
            await client.get(f"/{where}/bug")


async def test_an_invalid_body_points_at_each_fault(client):
    answer = await client.post("/body?limit=x", json={"amounts": [1, "x"], "role": "admin"})
    assert answer.status_code == 422
    assert {e["pointer"] for e in answer.json()["errors"]} == {"/amounts/1", "/role", "/limit"}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not-found"), ("DELETE", "/body", 405, "method-not-allowed")],
)
async def test_what_the_router_refuses_is_a_problem_too(client, method, path, status, code):
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (status, TYPE_BASE + code)


async def test_livez_is_well_while_readyz_says_what_is_down(client):
    assert (await client.get("/livez")).status_code == 200
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["detail"]) == (503, "the database does not answer")


async def test_an_answer_tells_its_trace_even_when_the_caller_had_none(client):
    answer = await client.get("/raise/unknown")
    assert answer.headers["traceparent"].split("-")[1] == answer.json()["trace_id"]
    assert (await client.get("/livez", headers={"traceparent": TRACEPARENT})).headers["traceparent"] == TRACEPARENT
    broken = await client.get("/livez", headers={"traceparent": "00-xyz"})
    assert broken.headers["traceparent"] != "00-xyz"


def test_a_class_name_becomes_a_code():
    assert [kebab(n) for n in ("PeriodClosed", "Narrow", "UnknownKpi")] == ["period-closed", "narrow", "unknown-kpi"]


def test_a_pointer_escapes_what_rfc_6901_says():
    assert pointer(["items", 3, "a/b~c"]) == "/items/3/a~1b~0c"
    assert pointer([]) == ""
