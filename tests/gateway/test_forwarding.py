"""What reaches a service and what comes back: headers, limits, deadlines, failures."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request

from chassis.problems import install
from gateway.app import Limits

TARGETS = "targets.read:all targets.write:all"


def replaced(services: dict[str, Any], name: str, app: Any) -> dict[str, Any]:
    """The services with one of them behaving otherwise, but describing itself as before."""
    usual = services[name]

    async def behaves(scope: Any, receive: Any, send: Any) -> None:
        await (usual if scope["path"] == "/openapi.json" else app)(scope, receive, send)

    return {**services, name: behaves}


async def test_the_request_goes_on_whole(edge: Any) -> None:
    answer = await edge.ask("POST", "/v1/targets?a=1&a=2&b=%C3%A4", TARGETS, content=b"x" * 5000)
    reached = answer.json()
    assert (reached["method"], reached["query"], reached["body_bytes"]) == ("POST", "a=1&a=2&b=%C3%A4", 5000)


@pytest.mark.parametrize(
    "name",
    [
        "X-User-Id",
        "x_user_id",
        "X-User",
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Real-IP",
        "X-Person-Id",
        "X-Roles",
        "X-HTTP-Method-Override",
        "X-Original-URL",
        "Proxy-Authorization",
        "TE",
    ],
)
async def test_what_a_client_says_of_itself_stays_outside(edge: Any, name: str) -> None:
    answer = await edge.ask("GET", "/v1/targets", TARGETS, headers={name: "admin", "X-Request-Id": "7"})
    reached = dict(answer.json()["headers"])
    assert name.lower() not in reached
    assert reached["x-request-id"] == "7"
    assert reached["authorization"].startswith("Bearer ")


async def test_what_the_connection_header_names_stays_outside(edge: Any) -> None:
    headers = {"Connection": "close, X-Secret-Of-The-Hop", "X-Secret-Of-The-Hop": "1"}
    answer = await edge.ask("GET", "/v1/targets", TARGETS, headers=headers)
    reached = dict(answer.json()["headers"])
    assert not {"connection", "x-secret-of-the-hop"} & set(reached)


async def test_the_trace_goes_on_and_comes_back(edge: Any) -> None:
    given = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    answer = await edge.ask("GET", "/v1/targets", TARGETS, headers={"traceparent": given})
    assert [v for k, v in answer.json()["headers"] if k == "traceparent"] == [given]
    assert answer.headers.get_list("traceparent") == [given]
    fresh = await edge.ask("GET", "/v1/targets", TARGETS, headers={"traceparent": "nonsense"})
    assert dict(fresh.json()["headers"])["traceparent"] == fresh.headers["traceparent"] != "nonsense"


async def test_every_answer_has_the_security_headers(edge: Any) -> None:
    for path in ("/v1/targets", "/v1/kpis", "/nowhere", "/docs", "/openapi.json", "/livez"):
        answer = await edge.ask("GET", path, TARGETS)
        assert answer.headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], path
        assert "strict-transport-security" not in answer.headers
    assert (await edge.ask("GET", "/v1/targets", TARGETS)).headers["cache-control"] == "no-store"
    tls = await edge.http.get("https://edge/livez")
    assert "max-age" in tls.headers["strict-transport-security"]


async def test_a_body_that_says_it_is_too_large(make_edge: Any) -> None:
    edge = await make_edge(limits=Limits(body_bytes_max=100))
    answer = await edge.ask("POST", "/v1/targets", TARGETS, content=b"x" * 101)
    assert (answer.status_code, answer.json()["type"].rpartition("/")[2]) == (413, "too-large")
    assert answer.headers["connection"] == "close"
    assert edge.services["incentive"].seen == []
    assert (await edge.ask("POST", "/v1/targets", TARGETS, content=b"x" * 100)).status_code == 200


async def test_a_body_that_grows_too_large(make_edge: Any) -> None:
    edge = await make_edge(limits=Limits(body_bytes_max=100))
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 60

    answer = await edge.ask("POST", "/v1/targets", TARGETS, content=chunks())
    assert answer.status_code == 413
    assert edge.services["incentive"].seen == []
    assert sent < 5


async def test_the_token_endpoint_takes_small_bodies_only(edge: Any) -> None:
    assert (await edge.ask("POST", "/oauth/token", content=b"x" * 16_385)).status_code == 413
    assert (await edge.ask("POST", "/oauth/token", content=b"x" * 16_384)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [({"content-encoding": "gzip"}, 415), ({"content-length": "-1"}, 400), ({"content-length": "9" * 5000}, 413)],
)
async def test_headers_that_promise_no_good(edge: Any, headers: dict[str, str], status: int) -> None:
    assert (await edge.ask("POST", "/v1/targets", TARGETS, content=b"{}", headers=headers)).status_code == status


async def test_a_body_that_drips_ends_at_the_deadline(make_edge: Any) -> None:
    edge = await make_edge(limits=Limits(receive_seconds_max=0.2))

    async def drip() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x"
            await asyncio.sleep(0.05)

    answer = await edge.ask("POST", "/v1/targets", TARGETS, content=drip())
    assert (answer.status_code, answer.json()["title"]) == (408, "Too slow")


async def test_a_fastapi_service_does_not_hide_the_reason(make_edge: Any, edge: Any) -> None:
    app = FastAPI(openapi_url=None)
    install(app)

    @app.post("/v1/targets")
    async def read(request: Request, body: dict[str, Any]) -> None:
        raise AssertionError("it never gets here")

    edge = await make_edge(replaced(edge.services, "incentive", app), Limits(body_bytes_max=100))

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield b"x" * 60

    answer = await edge.ask("POST", "/v1/targets", TARGETS, content=chunks())
    assert (answer.status_code, answer.json()["title"]) == (413, "Too large")


async def test_a_slow_service_is_a_504_but_a_long_answer_is_not(make_edge: Any, edge: Any) -> None:
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            await asyncio.sleep(5)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.3)
        await send({"type": "http.response.body", "body": b"whole"})

    edge = await make_edge(replaced(edge.services, "incentive", slow), Limits(answer_seconds_max=0.1))
    late = await edge.ask("POST", "/v1/targets", TARGETS)
    assert (late.status_code, late.json()["detail"]) == (504, "incentive did not answer in time")
    assert (await edge.ask("GET", "/v1/targets", TARGETS)).text == "whole"


async def test_a_service_that_breaks_shows_nothing_of_why(
    make_edge: Any, edge: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("select secret from postgres")

    edge = await make_edge(replaced(edge.services, "incentive", breaks))
    with caplog.at_level(logging.ERROR):
        answer = await edge.ask("GET", "/v1/targets", TARGETS)
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "select secret" in caplog.text


async def test_a_bug_in_a_fastapi_service_is_answered_once(make_edge: Any, edge: Any) -> None:
    app = FastAPI(openapi_url=None)
    install(app)

    @app.get("/v1/targets")
    async def read() -> None:
        raise RuntimeError("a bug")

    edge = await make_edge(replaced(edge.services, "incentive", app))
    answer = await edge.ask("GET", "/v1/targets", TARGETS)
    assert (answer.status_code, answer.json()["title"]) == (500, "Internal error")


async def test_an_answer_that_breaks_off_is_no_whole_answer(make_edge: Any, edge: Any) -> None:
    async def half(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ha", "more_body": True})
        raise RuntimeError("gone")

    edge = await make_edge(replaced(edge.services, "incentive", half))
    with pytest.raises(Exception, match="something went wrong"):
        await edge.ask("GET", "/v1/targets", TARGETS)


async def test_health_names_what_is_down_and_goes_on(edge: Any) -> None:
    assert (await edge.ask("GET", "/livez")).json() == {"status": "ok"}
    assert (await edge.ask("GET", "/readyz")).json()["status"] == "ok"
    edge.services["kpi"].ready = False
    answer = await edge.ask("GET", "/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["services"] == {"ingest": "ok", "kpi": "unavailable", "incentive": "ok", "auth": "ok"}
    for service in edge.services.values():
        service.ready = False
    assert (await edge.ask("GET", "/readyz")).status_code == 503


async def test_lifespan_is_answered_and_websockets_are_not(edge: Any) -> None:
    transport: httpx.ASGITransport = edge.http._transport
    said: list[str] = []
    asked = iter(["lifespan.startup", "lifespan.shutdown"])

    async def receive() -> dict[str, Any]:
        return {"type": next(asked)}

    async def send(message: Any) -> None:
        said.append(message["type"])

    await transport.app({"type": "lifespan"}, receive, send)
    await transport.app({"type": "websocket", "path": "/v1/stream", "headers": []}, receive, send)
    assert said == ["lifespan.startup.complete", "lifespan.shutdown.complete", "websocket.close"]
