"""Calls that come while one is under way are made together, as the next one: they share what a round trip costs."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class _Call(Generic[Item, Answer]):
    """One call's items, and where its caller waits for their answers."""

    items: Sequence[Item]
    size: int
    answers: asyncio.Future[Sequence[Answer]]


class Joined(Generic[Item, Answer]):
    """``work`` answers the items of many calls at once, one answer for each, in their order.

    One group is under way at a time, of ``size_max`` at most; a single call may be larger, and then goes alone. What
    ``work`` raises is raised to each caller of its group; a caller that gives up disturbs nobody. ``refusal`` is raised
    at once while more than ``waiting_max`` would wait, and to those whose group is cancelled: it says why.
    """

    def __init__(
        self,
        work: Callable[[list[Item]], Awaitable[Sequence[Answer]]],
        size_max: int,
        waiting_max: int,
        refusal: Callable[[str], Exception],
    ) -> None:
        self._work, self._size_max, self._waiting_max, self._refusal = work, size_max, waiting_max, refusal
        self._queue: deque[_Call[Item, Answer]] = deque()
        self._waiting = 0
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, items: Sequence[Item], size: int | None = None) -> Sequence[Answer]:
        """The answers of these items; ``size``: what they weigh, in the unit of the limits (None: one each)."""
        if not items:
            return []
        size = len(items) if size is None else size
        if self._queue and self._waiting + size > self._waiting_max:
            raise self._refusal("too much waits already")
        call: _Call[Item, Answer] = _Call(items, size, asyncio.get_running_loop().create_future())
        self._queue.append(call)
        self._waiting += size
        if self._task is None or self._task.done():
            # In nobody's context: what is done for all belongs to no caller's trace.
            self._task = asyncio.get_running_loop().create_task(self._drain(), context=Context())
        return await call.answers

    async def close(self) -> None:
        """Wait until everything that was asked is answered."""
        if self._task is not None:
            await self._task

    async def _drain(self) -> None:
        while self._queue:
            calls = self._next_calls()
            try:
                answers = await self._work([item for call in calls for item in call.items])
            except BaseException as error:
                told = error if isinstance(error, Exception) else self._refusal("this is being closed")
                for call in calls:
                    if not call.answers.done():
                        call.answers.set_exception(told)
                if told is not error:
                    raise
                continue
            for call in calls:
                mine, answers = answers[: len(call.items)], answers[len(call.items) :]
                if not call.answers.done():
                    call.answers.set_result(mine)

    def _next_calls(self) -> list[_Call[Item, Answer]]:
        calls = [self._queue.popleft()]
        size = calls[0].size
        while self._queue and size + self._queue[0].size <= self._size_max:
            size += self._queue[0].size
            calls.append(self._queue.popleft())
        self._waiting -= size
        return calls
