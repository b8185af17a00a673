"""Every error as application/problem+json (RFC 9457), with a stable type, a trace id and a pointer per fault."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
from asyncpg import CharacterNotInRepertoireError
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from chassis.bus import LogUnavailable
from chassis.db import DatabaseUnavailable
from chassis.telemetry import current_trace_id

MEDIA_TYPE = "application/problem+json"
TYPE_BASE = "https://merit.dev/problems/"
RETRY_AFTER_SECONDS = 2

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    413: "Too large",
    415: "Unsupported media type",
    422: "Not valid",
    429: "Too many requests",
    500: "Internal error",
    502: "Bad gateway",
    503: "Unavailable",
    504: "Timed out",
    507: "No room",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where (JSON pointer), a stable code, and a sentence for a person."""

    pointer: str
    code: str
    detail: str


@dataclass
class Problem(Exception):
    """An error with an answer: raise it anywhere below a route.

    ``code`` is the last part of the problem's type and stable; ``detail`` is for people.
    """

    status: int
    code: str
    detail: str
    errors: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.detail


def problem_response(problem: Problem) -> Response:
    """The answer for a problem, with the trace id of the request under way."""
    body: dict[str, Any] = {
        "type": TYPE_BASE + problem.code,
        "title": TITLES.get(problem.status, "Error"),
        "status": problem.status,
        "detail": problem.detail,
        "trace_id": current_trace_id(),
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    headers = dict(problem.headers)
    if problem.status == 503:
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return Response(msgspec.json.encode(body), problem.status, headers, MEDIA_TYPE)


def unavailable(detail: str) -> Problem:
    """503: a part is down; the client may try again."""
    return Problem(503, "unavailable", detail)


def pointer(path: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) to a place given as keys and indexes."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


def install(app: FastAPI, error_status: Mapping[type[Exception], int] | None = None) -> None:
    """Answer every error of this app as a problem. ``error_status`` maps a service's own refusals to a status;
    the problem's code is the class name in kebab-case, its detail the exception's text, its errors ``faults``."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        faults = [Fault(pointer(e["loc"][1:]), str(e["type"]), str(e["msg"])) for e in error.errors()]
        return problem_response(Problem(422, "not-valid", "the request is not valid", faults))

    async def on_http(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = TITLES.get(error.status_code, "error").lower().replace(" ", "-")
        return problem_response(Problem(error.status_code, code, str(error.detail), headers=error.headers or {}))

    async def on_null_character(_: Request, error: Exception) -> Response:
        return problem_response(Problem(422, "not-valid", "a text holds a null character, which nothing here can hold"))

    async def on_unavailable(_: Request, error: Exception) -> Response:
        return problem_response(unavailable(str(error)))

    async def on_refusal(_: Request, error: Exception) -> Response:
        statuses = error_status or {}
        status = next(statuses[kind] for kind in type(error).__mro__ if kind in statuses)  # the narrowest one
        return problem_response(Problem(status, kebab(type(error).__name__), str(error), getattr(error, "faults", ())))

    async def on_bug(_: Request, error: Exception) -> Response:
        return problem_response(Problem(500, "internal", "something went wrong here; the trace id helps to find it"))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(CharacterNotInRepertoireError, on_null_character)
    app.add_exception_handler(LogUnavailable, on_unavailable)
    app.add_exception_handler(DatabaseUnavailable, on_unavailable)
    for refusal in error_status or {}:
        app.add_exception_handler(refusal, on_refusal)
    app.add_exception_handler(Exception, on_bug)


def kebab(name: str) -> str:
    """``PeriodClosed`` → ``period-closed``."""
    return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
