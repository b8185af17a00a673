"""A process from its first moment to its last: health, draining, finishing what is under way, and its exit code."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from chassis import process
from chassis.app import Service
from chassis.bus import LogUnavailable
from chassis.serving import READY_SECONDS_MAX

PATIENCE_SECONDS = 10.0


class Part:
    """A service whose requests and loops end when the test says so."""

    def __init__(self) -> None:
        self.go, self.opened, self.closed = asyncio.Event(), asyncio.Event(), False
        self.opened.set()
        self.committed = 0
        self.down: Exception | None = None

    async def opening(self, stop: asyncio.Event) -> Service | None:
        waits = [asyncio.ensure_future(e.wait()) for e in (self.opened, stop)]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        return None if stop.is_set() else self.service()

    def service(self) -> Service:
        return Service("part", self.app(), {"worker": self.work}, self.close, self.reach)

    async def reach(self) -> None:
        if self.down:
            raise self.down

    def app(self) -> Starlette:
        async def slow(_: object) -> PlainTextResponse:
            await self.go.wait()
            return PlainTextResponse("done")

        async def quick(_: object) -> PlainTextResponse:
            return PlainTextResponse("ok")

        paths = [Route(path, quick) for path in ("/livez", "/readyz", "/quick")]
        return Starlette(routes=[*paths, Route("/slow", slow)])

    async def work(self, stop: asyncio.Event) -> None:
        await stop.wait()
        await self.go.wait()  # the batch under way
        self.committed += 1

    async def close(self) -> None:
        self.closed = True


@asynccontextmanager
async def running(
    part: Part, loop: str | None = None, drain: float = 0.5, finish: float = 5.0
) -> AsyncIterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    task = asyncio.create_task(process.run(part.opening, port, loop, drain, finish))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as http:
        process_ = Running(http, task)
        await process_.until("/livez", 200)
        yield process_
        part.go.set()
        process_.terminate()
        await task


class Running:
    """A process of a part, in this one: SIGTERM is for it."""

    def __init__(self, http: httpx.AsyncClient, task: asyncio.Task[int]) -> None:
        self.http, self.task = http, task

    async def status(self, path: str) -> int:
        return (await self.http.get(path)).status_code

    async def until(self, path: str, status: int) -> None:
        async def there() -> bool:
            try:
                return await self.status(path) == status
            except httpx.TransportError:
                return False

        await until(there)

    def terminate(self) -> None:
        if not self.task.done():
            os.kill(os.getpid(), signal.SIGTERM)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # type: ignore[misc]
            await asyncio.sleep(0.01)


async def test_health_from_the_first_moment():
    part = Part()
    part.opened.clear()
    async with running(part) as it:
        assert [await it.status(p) for p in ("/livez", "/startupz", "/readyz", "/quick")] == [200, 503, 503, 503]
        assert (await it.http.get("/quick")).headers["retry-after"]
        part.opened.set()
        await it.until("/startupz", 200)
        assert [await it.status(p) for p in ("/livez", "/readyz", "/quick")] == [200, 200, 200]


async def test_a_process_that_is_stopped_before_it_was_ready_ends_well():
    part = Part()
    part.opened.clear()
    async with running(part) as it:
        it.terminate()
        assert await it.task == 0


async def test_an_api_is_not_ready_first_then_drains_then_finishes_what_is_under_way():
    part = Part()
    async with running(part, drain=3.0) as it:
        await it.until("/readyz", 200)
        slow = asyncio.create_task(it.http.get("/slow"))
        await asyncio.sleep(0.1)
        it.terminate()
        await it.until("/readyz", 503)
        answer = await it.http.get("/quick")  # on a new connection: it still takes them
        assert (answer.status_code, answer.headers["connection"]) == (200, "close")

        async def refused() -> bool:
            try:
                await it.http.get("/quick")
            except httpx.TransportError as error:  # or: connected, and not accepted before the port was closed
                return isinstance(error, httpx.ConnectError)
            return False

        await until(refused)
        assert not slow.done()
        assert not part.closed
        part.go.set()
        assert (await slow).text == "done"
        assert await it.task == 0
        assert part.closed


async def test_a_worker_shows_its_health_alone_and_finishes_its_batch():
    part = Part()
    async with running(part, loop="worker") as it:
        await it.until("/readyz", 200)
        assert [await it.status(p) for p in ("/livez", "/startupz", "/quick")] == [200, 200, 404]
        it.terminate()
        await it.until("/readyz", 503)
        assert (part.committed, part.closed, it.task.done()) == (0, False, False)
        part.go.set()
        assert await it.task == 0
        assert (part.committed, part.closed) == (1, True)


async def test_a_worker_is_not_ready_while_its_log_is_out_of_reach_and_lives_on():
    part = Part()
    part.down = LogUnavailable("the log does not answer")
    async with running(part, loop="worker") as it:
        await it.until("/startupz", 200)
        answer = await it.http.get("/readyz")
        assert (answer.status_code, answer.json()["detail"]) == (503, "the log does not answer")
        assert await it.status("/livez") == 200
        part.down = None
        assert await it.status("/readyz") == 200


async def test_a_worker_says_in_time_that_its_log_is_silent():
    async def silent():
        await asyncio.Event().wait()

    part = Part()
    part.reach = silent
    async with running(part, loop="worker") as it:
        await it.until("/startupz", 200)
        async with asyncio.timeout(READY_SECONDS_MAX + 0.5):
            assert await it.status("/readyz") == 503
        assert await it.status("/livez") == 200


async def test_an_api_asks_itself_what_it_needs():
    """Reads go on while the log is down."""
    part = Part()
    part.down = LogUnavailable("the log does not answer")
    async with running(part) as it:
        await it.until("/startupz", 200)
        assert await it.status("/readyz") == 200


async def test_an_answer_that_does_not_come_in_time_is_cut_off_and_told_by_the_exit_code():
    part = Part()
    async with running(part, drain=0.0, finish=1.0) as it:
        await it.until("/readyz", 200)
        slow = asyncio.create_task(it.status("/slow"))
        await asyncio.sleep(0.1)
        it.terminate()
        assert await it.task == 1
        assert part.closed
        await asyncio.gather(slow, return_exceptions=True)


async def test_a_batch_that_does_not_finish_in_time_is_cut_off_and_told_by_the_exit_code():
    part = Part()
    async with running(part, loop="worker", finish=0.1) as it:
        await it.until("/readyz", 200)
        it.terminate()
        assert await it.task == 1
        assert (part.committed, part.closed) == (0, True)


async def test_a_loop_that_ends_by_itself_ends_the_process_as_failed():
    class Ends(Part):
        async def work(self, stop: asyncio.Event) -> None:
            return

    async with running(Ends(), loop="worker") as it:
        assert await it.task == 1


async def test_a_loop_that_fails_is_told():
    class Fails(Part):
        async def work(self, stop: asyncio.Event) -> None:
            raise KeyError("a bug")

    part = Fails()
    with pytest.raises(KeyError):
        async with running(part, loop="worker") as it:
            await it.task
    assert part.closed
