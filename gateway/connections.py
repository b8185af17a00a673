"""HTTP/1.1 to our own services: connections that are kept open, and one exchange at a time on each.

No more of HTTP than those servers speak: an answer says its length or is chunked, and nothing is redirected, encoded or
sent twice. docs/decisions/the-gateway-has-a-client-of-its-own.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

import httptools

IDLE_SECONDS_MAX = 4.0
"""A connection that was idle for longer is not used again: the services close theirs after 5 (uvicorn's default)."""
BUFFERED_BYTES_MAX = 256 * 1024
"""What is read ahead of whom it is for."""


class Unreachable(Exception):
    """No connection within the time for it: the service is down, or has as many as it may have."""


class BrokenOff(Exception):
    """The connection ended before the answer did."""


class NotUnderstood(Exception):
    """What came is no HTTP."""


@dataclass(frozen=True)
class Patience:
    """Seconds: for a connection, for a free one when all are in use, for some of the body to go, for some to come."""

    connect: float = 2.0
    free: float = 2.0
    write: float = 30.0
    read: float = 60.0


class Exchange(asyncio.Protocol):
    """A connection, and the exchange that is under way on it: ``write`` the request, then read ``head`` and ``chunks``.

    All of them raise BrokenOff and NotUnderstood, and TimeoutError when nothing moves for too long.
    """

    def __init__(self, patience: Patience) -> None:
        self._patience, self._loop = patience, asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._moved: asyncio.Future[None] | None = None
        self._busy = self._paused = self._reading_paused = False
        self._error: Exception | None = None
        self.idle_since = 0.0
        self.begin()

    def begin(self) -> None:
        """Nothing is answered yet."""
        self._status, self._headers = 0, list[tuple[bytes, bytes]]()
        self._chunks, self._buffered = deque[bytes](), 0
        self._busy, self._whole = True, False
        self.last = False
        """No other exchange may follow: the service says so, or has answered before it had the whole request."""

    @property
    def answered(self) -> bool:
        """Whether the answer has begun."""
        return bool(self._status)

    @property
    def kept(self) -> bool:
        """Whether another exchange can follow."""
        return self._whole and not self.last and self._error is None

    async def write(self, data: bytes) -> None:
        """Send some of the request; in vain once it is answered."""
        if self._error and not self.answered:
            raise self._error
        if not self.answered:
            self._transport.write(data)
        while self._paused and not self.answered:
            await self._move(self._patience.write)

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """The status and the headers, names as they came."""
        while not self._status:
            await self._move(self._patience.read)
        return self._status, self._headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        while self._chunks or not self._whole:
            if not self._chunks:
                await self._move(self._patience.read)
                continue
            chunk = self._chunks.popleft()
            self._buffered -= len(chunk)
            if self._reading_paused and self._buffered <= BUFFERED_BYTES_MAX:
                self._reading_paused = False
                self._transport.resume_reading()
            yield chunk

    def end(self) -> None:
        """Rest, or be closed if this exchange is not over."""
        self._busy, self.idle_since = False, self._loop.time()
        if not self.kept:
            self.close()

    def close(self) -> None:
        """Break off."""
        self._error = self._error or BrokenOff()
        self._transport.abort()

    async def _move(self, seconds: float) -> None:
        """Wait until something has come, or gone."""
        if self._error:
            raise self._error
        self._moved = self._loop.create_future()
        async with asyncio.timeout(seconds):
            await self._moved

    def _moves(self) -> None:
        if self._moved is not None and not self._moved.done():
            self._moved.set_result(None)

    # what the event loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, without being derived from it

    def connection_lost(self, error: Exception | None) -> None:
        self._error = self._error or BrokenOff()
        self._moves()

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._moves()

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._error = NotUnderstood(str(error))
            self._transport.abort()
        if self._buffered > BUFFERED_BYTES_MAX and not self._reading_paused:
            self._reading_paused = True
            self._transport.pause_reading()
        self._moves()

    # what the parser says

    def on_message_begin(self) -> None:
        if not self._busy:
            raise NotUnderstood("an answer that nobody asked for")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()
        self.last = self.last or not self._parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._buffered += len(body)

    def on_message_complete(self) -> None:
        self._whole = True
        self._busy = False


class Connections:
    """Those to one service, ``most`` at a time. Make them inside the event loop that uses them."""

    def __init__(self, url: str, most: int, patience: Patience) -> None:
        parts = urlsplit(url)
        self.host = parts.netloc.encode()
        self._host, self._tls = parts.hostname or "", parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._room, self._patience = asyncio.Semaphore(most), patience
        self._idle: list[Exchange] = []

    @asynccontextmanager
    async def exchange(self) -> AsyncIterator[Exchange]:
        """A connection for one exchange. Raises Unreachable."""
        try:
            async with asyncio.timeout(self._patience.free):
                await self._room.acquire()
        except TimeoutError as error:
            raise Unreachable("all connections are in use") from error
        try:
            exchange = self._resting() or await self._connect()
            try:
                yield exchange
            finally:
                exchange.end()
                if exchange.kept:
                    self._idle.append(exchange)
        finally:
            self._room.release()

    def close(self) -> None:
        """Close what rests."""
        while self._idle:
            self._idle.pop().close()

    def _resting(self) -> Exchange | None:
        since = asyncio.get_running_loop().time() - IDLE_SECONDS_MAX
        while self._idle:
            if (exchange := self._idle.pop()).kept and exchange.idle_since > since:
                exchange.begin()
                return exchange
            exchange.close()
        return None

    async def _connect(self) -> Exchange:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience.connect):
                _, exchange = await loop.create_connection(
                    lambda: Exchange(self._patience), self._host, self._port, ssl=self._tls or None
                )
        except (OSError, TimeoutError) as error:
            raise Unreachable("no connection") from error
        return exchange
