"""Asking aiokafka without hurting it: its calls are never cancelled (a connection that is cancelled while it is being
made is nobody's), and what comes too late ends by itself in the background."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError

from chassis.bus import LogUnavailable

ANSWER_SECONDS_MAX = 5.0
RETRY_SECONDS = 0.1
REQUEST_MS_MAX = 10_000
"""When aiokafka itself gives up on a request: until then a late call lives on in the background."""
NOT_THERE = (KafkaConnectionError, NodeNotReadyError)

T = TypeVar("T")


class Startable(Protocol):
    """A client of aiokafka."""

    async def start(self) -> None:
        """Connect."""
        ...


@contextmanager
def kafka_errors() -> Iterator[None]:
    """Tell of a Kafka that fails or does not answer in time as a log that is unavailable."""
    try:
        yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise LogUnavailable(f"Kafka does not answer ({type(error).__name__})") from error  # its text names hosts


class Calls:
    """What is under way to Kafka from one process."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let it run in the background; nobody has to wait for it."""
        task = asyncio.create_task(call)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def once(self, call: Coroutine[Any, Any, T], seconds_max: float = ANSWER_SECONDS_MAX) -> T:
        """Its result. Raises what it raises, and TimeoutError; a late or cancelled call ends in the background."""
        task = self.run(call)
        done, _ = await asyncio.wait([task], timeout=seconds_max)
        if not done:
            raise TimeoutError(f"no answer within {seconds_max} s")
        return task.result()

    async def answer(self, ask: Callable[[], Coroutine[Any, Any, T]], seconds_max: float = ANSWER_SECONDS_MAX) -> T:
        """Ask again while Kafka says that the trouble will pass. Raises LogUnavailable; at once if nobody is there."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds_max
        with kafka_errors():
            while True:
                try:
                    return await self.once(ask(), deadline - loop.time())
                except KafkaError as error:
                    if not error.retriable or isinstance(error, NOT_THERE) or loop.time() + RETRY_SECONDS > deadline:
                        raise
                await asyncio.sleep(RETRY_SECONDS)

    async def start(self, client: Startable, stop: Callable[[], Awaitable[None]]) -> None:
        """Connect it; when that fails, is late or is cancelled, it is stopped as soon as that can be done. Raises
        LogUnavailable."""
        task = self.run(client.start())
        try:
            with kafka_errors():
                done, _ = await asyncio.wait([task], timeout=ANSWER_SECONDS_MAX)
                if not done:
                    raise TimeoutError(f"no connection within {ANSWER_SECONDS_MAX} s")
                task.result()
        except BaseException:
            self.run(_stop_after(task, stop))
            raise

    async def close(self, seconds_max: float) -> None:
        """Wait for what is still under way; what does not end is cancelled."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=seconds_max)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # somebody was told, or nobody waits any more


async def _stop_after(start: asyncio.Task[None], stop: Callable[[], Awaitable[None]]) -> None:
    await asyncio.wait([start])
    await stop()
