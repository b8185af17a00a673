"""The log: a JSON line per event with its trace, libraries through the same formatter, one access line a request."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from chassis import logs, telemetry
from chassis.clock import SystemClock
from chassis.requests import Trace

TRACE = "a" * 32
TRACEPARENT = f"00-{TRACE}-{'1' * 16}-01"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told() -> Iterator[Callable[[str], io.StringIO]]:
    """Configures the log of this process onto a text, and puts back what was there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in (*logs.QUIET, *logs.UVICORN)}

    def begin(format: str) -> io.StringIO:
        stream = io.StringIO()
        logs.configure({"LOG_FORMAT": format}, stream)
        return stream

    yield begin
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_the_trace_and_the_stack_on_one_line(told):
    stream = told("json")
    telemetry.enter(TRACEPARENT, "")
    telemetry.name_service("kpi")
    try:
        raise ValueError("two\nlines")
    except ValueError:
        logging.getLogger("here").exception("it broke: %s", "x")
    (line,) = lines(stream)
    assert line["trace_id"] == TRACE
    assert (line["level"], line["logger"], line["service"], line["message"]) == ("error", "here", "kpi", "it broke: x")
    assert line["error"] == "ValueError"
    assert "Traceback" in line["stack"]


@pytest.mark.parametrize("library", ["uvicorn.error", "aiokafka.consumer", "asyncio"])
def test_libraries_go_through_the_same_formatter(told, library):
    told("text")
    for name in (*logs.QUIET, *logs.UVICORN):
        logging.getLogger(name).setLevel(logging.ERROR)  # as a library's own configuration might
    stream = told("json")
    logging.getLogger(library).warning("something")
    assert [line["logger"] for line in lines(stream)] == [library]


def test_text_is_for_people_and_another_format_is_refused(told):
    stream = told("text")
    telemetry.enter(TRACEPARENT, "")
    logging.getLogger("here").warning("hello")
    assert f"WARNING here: hello [trace {TRACE}]" in stream.getvalue()
    with pytest.raises(logs.LogFormatInvalid, match="'xml' is none of json, text"):
        logs.configure({"LOG_FORMAT": "xml"})


async def test_one_access_line_a_request_by_its_template_and_none_for_health(told, keep):
    stream, kept = told("json"), keep()

    async def thing(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ok")

    async def broken(request: Request) -> PlainTextResponse:
        raise RuntimeError("a customer's name")

    routes = [Route("/things/{thing_id}", Thing(thing)), Route("/broken", broken), Route("/livez", thing)]
    transport = httpx.ASGITransport(Trace(Starlette(routes=routes), SystemClock(), "edge"), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://merit") as client:
        await client.get("/things/secret-id?who=me", headers={"traceparent": TRACEPARENT})
        await client.get("/livez")
        await client.get("/broken")
    seen = [line for line in lines(stream) if line["logger"] == "access"]
    assert [(one["method"], one["route"], one["status"], one["part"]) for one in seen] == [
        ("GET", "/things/{thing_id}", 200, "edge"),
        ("GET", "/broken", 500, "edge"),
    ]
    assert seen[0]["trace_id"] == TRACE
    assert "secret-id" not in stream.getvalue()
    assert [(s.name, s.error) for s in kept.spans] == [("GET /things/{thing_id}", ""), ("GET /broken", "RuntimeError")]
    assert kept.spans[0].parent_id == "1" * 16


class Thing:
    """An endpoint that says its template, as ingest's does."""

    path = "/things/{thing_id}"

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        self._answer = answer

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        response = await self._answer(Request(scope, receive))
        await response(scope, receive, send)
