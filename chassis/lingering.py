"""An answer that ends the connection is also read: what the client still sends is read away before the close.

Closing a socket with bytes unread resets the connection, and a client that was still sending (a body over the limit,
say) would see the reset and never the answer.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LINGER_BYTES_MAX = 64 * 1024 * 1024
LINGER_SECONDS_MAX = 5.0
"""Whoever sends more, or more slowly, may see the reset."""


class Lingering:
    """Before a server: sends an answer with ``Connection: close`` whole, then drops the rest of the request's body."""

    def __init__(
        self, app: ASGIApp, bytes_max: int = LINGER_BYTES_MAX, seconds_max: float = LINGER_SECONDS_MAX
    ) -> None:
        self._app, self._bytes_max, self._seconds_max = app, bytes_max, seconds_max

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(receive, send, self._bytes_max, self._seconds_max)
        await self._app(scope, exchange.receive, exchange.send)


class _Exchange:
    """One request and its answer: whether the body was read to its end, and whether the connection is to end."""

    def __init__(self, receive: Receive, send: Send, bytes_max: int, seconds_max: float) -> None:
        self._receive, self._send = receive, send
        self._bytes_left, self._seconds_max = bytes_max, seconds_max
        self._read = self._closing = False

    async def receive(self) -> Message:
        message = await self._receive()
        self._read = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._closing = Headers(raw=message.get("headers", [])).get("connection", "").lower() == "close"
        elif self._closing and not self._read and not message.get("more_body", False):
            await self._send({**message, "more_body": True})
            await self._read_away()
            message = {"type": "http.response.body", "body": b""}
        await self._send(message)

    async def _read_away(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self._seconds_max):
                while not self._read and self._bytes_left > 0:
                    self._bytes_left -= len((await self.receive()).get("body", b""))
