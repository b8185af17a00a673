"""The request's body under a limit of size and a deadline of receipt."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive

from chassis.problems import Problem


class BoundedBody:
    """Hands the body on as it comes. Past a limit it says ``http.disconnect``, and ``problem`` says why."""

    def __init__(self, receive: Receive, bytes_max: int, seconds_max: float) -> None:
        self._receive = receive
        self._bytes_left = bytes_max
        self._bytes_max, self._seconds_max = bytes_max, seconds_max
        self._deadline = asyncio.get_running_loop().time() + seconds_max
        self._whole = False
        self.problem: Problem | None = None

    async def __call__(self) -> Message:
        """The next message of the body; afterwards whatever comes (a disconnect), without a deadline."""
        if self.problem:
            return {"type": "http.disconnect"}
        if self._whole:
            return await self._receive()
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            detail = f"the request did not arrive within {self._seconds_max:g} seconds"
            return self._stop(Problem(408, "too-slow", detail, headers={"Connection": "close"}))
        self._bytes_left -= len(message.get("body", b""))
        if self._bytes_left < 0:
            return self._stop(too_large(self._bytes_max))
        self._whole = not message.get("more_body", False)
        return message

    def _stop(self, problem: Problem) -> Message:
        self.problem = problem
        return {"type": "http.disconnect"}


def too_large(bytes_max: int) -> Problem:
    """413: the body is over the limit; the connection ends, so that the rest need not be read."""
    detail = f"the body is larger than {bytes_max} bytes"
    return Problem(413, "too-large", detail, headers={"Connection": "close"})
