"""The HTTP side that every service shares: problems, health, and the shape of a running service."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from chassis import problems, progress
from chassis.clock import Clock
from chassis.requests import Trace
from chassis.serving import in_time
from chassis.tokens import Verifier

Loop = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"""Works until the event is set, then finishes what it holds and returns."""


@dataclass(frozen=True)
class Service:
    """What a composition root builds: the HTTP application, and the loops beside it (``worker``, ``relay``).

    ``reach`` raises (say LogUnavailable) while the loops cannot work, whether the application can or not.
    """

    name: str
    app: ASGIApp
    loops: Mapping[str, Loop] = field(default_factory=dict)
    close: Callable[[], Awaitable[None]] | None = None
    reach: Callable[[], Awaitable[None]] | None = None


Answer = Callable[[Request], Awaitable[Response]]


class App(FastAPI):
    """FastAPI, and beside it what is asked most: FastAPI has a dozen layers before a route, and each message passes
    through them again."""

    def __init__(self, part: str, clock: Clock, statuses: problems.Statuses, **described: Any) -> None:
        super().__init__(**described)
        self._beside: list[tuple[str, re.Pattern[str], ASGIApp]] = []
        self._part, self._clock, self._statuses = part, clock, statuses
        problems.install(self, statuses)
        self.add_middleware(Trace, clock=clock, part=part)

    def beside(self, method: str, path: str, answer: Answer) -> None:
        """Have this answered by itself, with its traces and problems as everywhere. The parameters of ``path`` are
        texts; the same route among FastAPI's own describes it, and refuses other methods."""
        app = Trace(_Beside(self, path, answer, self._statuses), self._clock, self._part)
        self._beside.append((method, compile_path(path)[0], app))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for method, path, app in self._beside:
                if method == scope["method"] and (found := path.match(scope["path"])):
                    scope["path_params"] = found.groupdict()
                    await app(scope, receive, send)
                    return
        await super().__call__(scope, receive, send)


@dataclass(frozen=True)
class _Beside:
    """One route beside FastAPI."""

    app: App
    path: str
    answer: Answer
    statuses: problems.Statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["app"], scope["route"] = self.app, self
        try:
            response = await self.answer(Request(scope, receive))
        except Exception as error:
            problem = problems.problem_of(error, self.statuses)
            await problems.problem_response(problem)(scope, receive, send)
            if problem.status == problems.INTERNAL:
                raise  # nobody foresaw it: the server tells its log
        else:
            await response(scope, receive, send)


def create(
    title: str,
    description: str,
    *,
    verifier: Verifier,
    clock: Clock,
    ready: Callable[[], Awaitable[None]],
    error_status: Mapping[type[Exception], int] | None = None,
    stuck_seconds: float = progress.STUCK_SECONDS,
) -> App:
    """A FastAPI application with Merit's habits. ``ready`` raises (say DatabaseUnavailable) while it cannot serve;
    ``/livez`` fails when a loop of this process has not turned for ``stuck_seconds``."""
    app = App(
        title.removeprefix("Merit "),
        clock,
        error_status or {},
        title=title,
        description=description,
        version="1",
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(known_parameters_only)],
    )
    app.state.verifier = verifier

    @app.get("/livez", include_in_schema=False)
    async def livez() -> dict[str, str]:
        if stuck := progress.stuck(stuck_seconds):
            raise problems.Problem(503, "stuck", f"no progress: {', '.join(stuck)}")
        return {"status": "ok"}

    @app.get("/startupz", include_in_schema=False)
    async def startupz() -> dict[str, str]:
        return {"status": "ok"}  # an application that answers has been put together

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> dict[str, str]:
        await in_time(ready)
        return {"status": "ok"}

    return app


async def known_parameters_only(request: Request) -> None:
    """Refuse query parameters that the route's description does not name: a misspelt filter must not mean "all"."""
    if not request.query_params:
        return
    app: FastAPI = request.app
    operation = app.openapi()["paths"].get(request.scope["route"].path, {}).get(request.method.lower(), {})
    refuse_unknown(
        request.query_params, {one["name"] for one in operation.get("parameters", ()) if one["in"] == "query"}
    )


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """Raises Problem 422 for names of query parameters that are not among those that are known."""
    if unknown := [name for name in dict.fromkeys(given) if name not in known]:
        told = f"this route knows {', '.join(sorted(known))}" if known else "this route takes no parameter"
        faults = [problems.Fault(problems.pointer([name]), "unknown-parameter", told) for name in unknown]
        raise problems.Problem(422, "not-valid", "the request is not valid", faults)
