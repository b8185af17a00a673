"""The HTTP door of a process: health from its first moment, and an end at which no request is dropped."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.bus import LogUnavailable
from chassis.lingering import Lingering
from chassis.problems import Problem, problem_of, problem_response, unavailable

DRAIN_SECONDS = 5.0
"""How long a process that is told to stop still takes requests, while /readyz says 503 (a setting, per process):
whoever balances the load needs that long to notice."""
FINISH_SECONDS_MAX = 20.0
"""How long requests and batches under way may then take; what is not done by then is cut off."""
READY_SECONDS_MAX = 2.0
"""How long what is needed may take to answer: a probe waits for three."""
LIVE, READY, STARTED = "/livez", "/readyz", "/startupz"


async def in_time(ready: Callable[[], Awaitable[None]]) -> None:
    """Ask whether something is ready. Raises what it raises, and Problem 503 when there is no answer in time."""
    try:
        async with asyncio.timeout(READY_SECONDS_MAX):
            await ready()
    except TimeoutError as error:
        raise unavailable("something that is needed does not answer in time") from error


class Door:
    """An application with its health in front: before there is an ``app``, and while it is ``draining``.

    ``health_only``: the process has other work, and of its application only the health is shown. It is ready when the
    application is, and what the work stands on can be reached (``reach`` raises while it cannot).
    """

    def __init__(self, health_only: bool = False) -> None:
        self.app: ASGIApp | None = None
        self.reach: Callable[[], Awaitable[None]] | None = None
        self.draining = False
        self._health_only = health_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = self._own(scope["path"]) or await self._missing(scope["path"])
        await (answer or self.app)(scope, receive, self._last(send) if self.draining else send)  # type: ignore[misc]

    def _own(self, path: str) -> ASGIApp | None:
        """What is answered here; None: the application answers."""
        if path == (STARTED if self.app else LIVE):
            return Response(b'{"status":"ok"}', media_type="application/json")
        if self.app is None:
            return problem_response(unavailable("this process is starting"))
        if path == READY and self.draining:
            return problem_response(unavailable("this process is about to stop"))
        if self._health_only and path not in (LIVE, READY):
            return problem_response(Problem(404, "not-found", "there is no such route"))
        return None

    async def _missing(self, path: str) -> ASGIApp | None:
        """The answer that something is out of reach."""
        if path != READY or self.reach is None:
            return None
        try:
            await in_time(self.reach)
        except (LogUnavailable, Problem) as error:
            return problem_response(problem_of(error, {}))
        return None

    def _last(self, send: Send) -> Send:
        """Tell each client to come back on another connection: this one is closed when the drain is over."""

        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["connection"] = "close"
            await send(message)

        return closing


class Server(uvicorn.Server):
    """uvicorn without its own signal handling: when a process stops is decided in one place."""

    task: asyncio.Task[None]
    all_answered = False

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        self.all_answered = not self.server_state.tasks  # those that are left were cut off

    async def finish(self) -> bool:
        """Take no new connection, and wait until every answer under way is sent; False when some were cut off."""
        self.should_exit = True
        await self.task
        return self.all_answered


@asynccontextmanager
async def listening(app: ASGIApp, port: int, finish_seconds_max: float = FINISH_SECONDS_MAX) -> AsyncIterator[Server]:
    """Serve on all addresses of this machine while the context is open. Raises OSError for a port that is taken."""
    with socket.create_server(("0.0.0.0", port), backlog=2048) as taken:
        async with serving(app, taken, finish_seconds_max) as server:
            yield server


@asynccontextmanager
async def serving(app: ASGIApp, taken: socket.socket, finish_seconds_max: float) -> AsyncIterator[Server]:
    """Serve on a socket that listens already while the context is open; then every answer under way is finished."""
    config = uvicorn.Config(
        Lingering(app),
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(finish_seconds_max),
    )
    server = Server(config)
    server.task = asyncio.create_task(server.serve(sockets=[taken]), name="http")
    await server.up.wait()
    try:
        yield server
    finally:
        await server.finish()
