"""A service in another process: its answers come through as they are, its failures as problems."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import aiohttp
import httpx
import pytest
import uvicorn

from chassis.requests import Trace
from gateway import own, proxy
from gateway.__main__ import build_for_cluster
from gateway.app import Gateway, Limits
from gateway.policies import POLICIES
from gateway.settings import GatewaySettings

TARGETS = "targets.read:all targets.write:all"


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """An application behind a real socket, at a free port of this machine."""
    config = uvicorn.Config(app, "127.0.0.1", 0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    await task


Through = Callable[..., Awaitable[Any]]


@pytest.fixture
async def through(edge: Any, verifier: Any) -> AsyncIterator[Through]:
    """Makes the edge reach incentive over HTTP at an address."""
    proxies: list[proxy.Proxy] = []
    opened: list[httpx.AsyncClient] = []

    async def make(url: str, patience: aiohttp.ClientTimeout = proxy.TIMEOUT) -> Any:
        proxies.append(proxy.Proxy("incentive", url, 4, patience))
        upstreams = {**edge.services, "incentive": proxies[-1]}
        gateway = Gateway(POLICIES, upstreams, own.routes(POLICIES, upstreams), verifier, Limits())
        app = Trace(gateway, verifier.clock)
        edge.http = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://edge")
        opened.append(edge.http)
        return edge

    yield make
    for http in opened:
        await http.aclose()
    for one in proxies:
        await one.close()


async def test_requests_go_through_whole_and_answers_come_back(edge: Any, through: Through) -> None:
    async with served(edge.services["incentive"]) as url:
        far = await through(url)

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(40):
                yield b"x" * 10_000

        answer = await far.ask("POST", "/v1/targets?a=%C3%A4&b=1+2", TARGETS, content=chunks())
        reached = answer.json()
        assert (reached["method"], reached["path"], reached["query"]) == ("POST", "/v1/targets", "a=%C3%A4&b=1+2")
        assert reached["body_bytes"] == 400_000
        headers = dict(reached["headers"])
        assert headers["host"] == url.removeprefix("http://")
        assert headers["traceparent"] == answer.headers["traceparent"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "date" not in answer.headers, "the gateway's own server says it, once"
        assert (await far.ask("GET", "/v1/plans/a%20b%3Fc%23d", "plans.read:all")).json()["path"] == "/v1/plans/a b?c#d"
        assert (await far.ask("GET", "/v1/targets", "targets.read:all")).json()["body_bytes"] == 0
        assert (await far.ask("GET", "/readyz")).json()["services"]["incentive"] == "ok"


async def test_nothing_is_added_to_a_request_and_nothing_lost(edge: Any, through: Through) -> None:
    async def reached() -> list[Any]:
        edge.http.headers.clear()
        headers = {"cookie": "a=1", "x-odd": "\u00e4 \u2713".encode(), "content-type": "a/b"}
        answer = await edge.ask("POST", "/v1/targets", TARGETS, content=b"{}", headers=headers)
        return [pair for pair in answer.json()["headers"] if pair[0] not in ("host", "traceparent", "authorization")]

    near = await reached()
    async with served(edge.services["incentive"]) as url:
        await through(url)
        assert await reached() == near


async def test_a_body_over_the_limit_does_not_reach_the_service(edge: Any, through: Through) -> None:
    async with served(edge.services["incentive"]) as url:
        far = await through(url)

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(100):
                yield b"x" * 100_000

        answer = await far.ask("POST", "/v1/targets", TARGETS, content=chunks())
        assert (answer.status_code, answer.json()["title"]) == (413, "Too large")
        assert edge.services["incentive"].seen == []


async def test_a_service_that_is_down_is_a_503_and_the_others_go_on(through: Through) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    far = await through(url)
    answer = await far.ask("GET", "/v1/targets", TARGETS)
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "127.0.0.1" not in answer.text
    assert (await far.ask("GET", "/v1/kpis", "kpis.read:all")).status_code == 200
    assert (await far.ask("GET", "/readyz")).json() == {
        "status": "degraded",
        "services": {"ingest": "ok", "kpi": "ok", "incentive": "unavailable", "auth": "ok"},
    }
    assert (await far.ask("GET", "/openapi.json")).status_code == 503


async def test_a_service_that_hangs_up_is_a_503_to_be_sent_again(through: Through) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    far = await through(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    answer = await far.ask("GET", "/v1/targets", TARGETS)
    assert (answer.status_code, answer.json()["detail"]) == (
        503,
        "incentive broke off before it answered: send it again",
    )
    assert answer.headers["retry-after"]
    server.close()
    await server.wait_closed()


async def test_a_service_that_says_nothing_is_a_504(through: Through) -> None:
    waiting = asyncio.Event()

    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await waiting.wait()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1", 0)
    far = await through(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", aiohttp.ClientTimeout(sock_read=0.2))
    answer = await far.ask("GET", "/v1/targets", TARGETS)
    assert (answer.status_code, answer.json()["detail"]) == (504, "incentive did not answer in time")
    waiting.set()
    server.close()
    await server.wait_closed()


@asynccontextmanager
async def answering(*answers: bytes) -> AsyncIterator[tuple[str, list[int]]]:
    """A server that says these to the heads of requests, whatever they are (at the end: hangs up), and how many heads
    each of its connections has seen."""
    left, heads = list(answers), list[int]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(heads)
        heads.append(0)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n") and left:
                heads[number] += 1
                writer.write(left.pop(0))
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", heads
    finally:
        server.close()


OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
LAST = OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")


async def test_a_connection_is_used_again_unless_it_is_the_last_or_has_ended(through: Through) -> None:
    async with answering(OK, OK, LAST, OK, OK) as (url, heads):
        far = await through(url)
        for _ in range(4):
            assert (await far.ask("GET", "/v1/targets", TARGETS)).text == "{}"
        assert heads == [3, 1]
    async with answering(OK) as (url, heads):
        far = await through(url)
        assert [(await far.ask("GET", "/v1/targets", TARGETS)).status_code for _ in range(2)] == [200, 503]
        assert heads == [1]
        assert (await far.ask("GET", "/v1/targets", TARGETS)).status_code == 503
        assert len(heads) == 2, "the one that ended is not used again"


async def test_an_answer_before_the_request_was_whole_comes_through_and_ends_its_connection(through: Through) -> None:
    async with answering(OK, OK) as (url, heads):
        far = await through(url)

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(20):
                yield b"x" * 10
                await asyncio.sleep(0.01)

        assert (await far.ask("POST", "/v1/targets", TARGETS, content=chunks())).text == "{}"
        assert (await far.ask("GET", "/v1/targets", TARGETS)).text == "{}"
        assert heads == [1, 1]


async def test_a_long_answer_comes_through_whole(edge: Any, through: Through) -> None:
    async def long(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for number in range(200):
            await send({"type": "http.response.body", "body": b"%05d" % number * 2_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async with served(long) as url:
        answer = await (await through(url)).ask("GET", "/v1/targets", TARGETS)
        assert answer.content == b"".join(b"%05d" % number * 2_000 for number in range(200))


@pytest.mark.parametrize(
    "nonsense", [b"220 smtp ready\r\n", OK + OK, b"HTTP/1.1 200 OK\r\ncontent-length: 2, 3\r\n\r\n"]
)
async def test_what_is_no_answer_is_never_taken_for_one(through: Through, nonsense: bytes) -> None:
    async with answering(nonsense, nonsense) as (url, _):
        far = await through(url)
        codes = [(await far.ask("GET", "/v1/targets", TARGETS)).status_code for _ in range(2)]
        assert codes == ([200, 200] if nonsense == OK + OK else [502, 502])


@pytest.mark.parametrize(
    "said", [b"content-length: 20\r\n\r\nhalf", b"transfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
async def test_an_answer_that_breaks_off_on_the_way_is_no_whole_answer(through: Through, said: bytes) -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + said)
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    far = await through(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(Exception, match="something went wrong"):
        await far.ask("GET", "/v1/targets", TARGETS)
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_request_that_ends_early_ends_at_the_service_too(method: str) -> None:
    """In the middle of its body (POST), and in the middle of its answer (GET)."""
    ended, begun = asyncio.Event(), asyncio.Event()

    async def waits(scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "GET":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        ended.set()

    said = iter([{"type": "http.request", "body": b"half", "more_body": method == "POST"}, {"type": "http.disconnect"}])

    async def receive() -> Any:
        return next(said)

    async def send(message: Any) -> None:
        begun.set()

    async with served(waits) as url:
        one = proxy.Proxy("incentive", url, 4)
        scope = {"type": "http", "method": method, "path": "/", "query_string": b"", "headers": []}
        asking = asyncio.create_task(one(scope, receive, send))
        if method == "GET":
            await begun.wait()
            asking.cancel()
        await asyncio.wait_for(ended.wait(), 10)
        await asyncio.wait([asking])
        assert asking.cancelled() == (method == "GET")
        assert begun.is_set() == (method == "GET")
        await one.close()


async def test_the_gateway_of_a_cluster_starts_before_its_services(verifier: Any) -> None:
    settings = GatewaySettings(
        ingest_url="http://127.0.0.1:9",
        kpi_url="http://127.0.0.1:9",
        incentive_url="http://127.0.0.1:9",
        auth_url="http://127.0.0.1:9",
    )
    service = build_for_cluster(settings, verifier.clock)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url="http://edge") as http:
        assert (await http.get("/livez")).status_code == 200
        assert (await http.get("/readyz")).status_code == 503
        assert (await http.get("/v1/kpis", headers={"authorization": "Bearer a.b.c"})).status_code == 401
    assert service.close is not None
    await service.close()
