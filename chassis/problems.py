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
INTERNAL = 500
"""The status of what nobody foresaw."""

TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "Not acceptable",
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
    if problem.status == INTERNAL:
        headers["Connection"] = "close"  # the server ends it then, and whoever asked next through it would break off
    return Response(msgspec.json.encode(body), problem.status, headers, MEDIA_TYPE)


def unavailable(detail: str) -> Problem:
    """503: a part is down; the client may try again."""
    return Problem(503, "unavailable", detail)


def pointer(path: Sequence[str | int]) -> str:
    """A JSON pointer (RFC 6901) to a place given as keys and indexes."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


Statuses = Mapping[type[Exception], int]
"""A service's own refusals and their statuses. A refusal's problem has the class's name in kebab-case for its code, the
exception's text for its detail, and its ``faults`` for its errors."""


def install(app: FastAPI, error_status: Statuses | None = None) -> None:
    """Answer every error of this app as a problem."""
    statuses = error_status or {}

    async def on_error(_: Request, error: Exception) -> Response:
        return problem_response(problem_of(error, statuses))

    own = (Problem, RequestValidationError, HTTPException, CharacterNotInRepertoireError, LogUnavailable)
    for kind in {*own, DatabaseUnavailable, *statuses, Exception}:
        app.add_exception_handler(kind, on_error)


def problem_of(error: Exception, statuses: Statuses) -> Problem:
    """What an error is for the client."""
    match error:
        case Problem():
            return error
        case RequestValidationError():
            faults = [Fault(pointer(e["loc"][1:]), str(e["type"]), str(e["msg"])) for e in error.errors()]
            return Problem(422, "not-valid", "the request is not valid", faults)
        case HTTPException():
            code = TITLES.get(error.status_code, "error").lower().replace(" ", "-")
            return Problem(error.status_code, code, str(error.detail), headers=error.headers or {})
        case CharacterNotInRepertoireError():
            return Problem(422, "not-valid", "a text holds a null character, which nothing here can hold")
        case LogUnavailable() | DatabaseUnavailable():
            return unavailable(str(error))
    for kind in type(error).__mro__:  # the narrowest one
        if kind in statuses:
            return Problem(statuses[kind], kebab(type(error).__name__), str(error), getattr(error, "faults", ()))
    return Problem(INTERNAL, "internal", "something went wrong here; the trace id helps to find it")


def kebab(name: str) -> str:
    """``PeriodClosed`` → ``period-closed``."""
    return "".join(f"-{c.lower()}" if c.isupper() and i else c.lower() for i, c in enumerate(name))
