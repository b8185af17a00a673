"""A service in another process, seen as an ASGI application: the request goes on over HTTP, both ways as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from string import punctuation
from urllib.parse import quote

import aiohttp
from starlette.types import Message, Receive, Scope, Send
from yarl import URL

from chassis.problems import Problem, unavailable
from gateway.headers import HOP_BY_HOP

IDLE_SECONDS_MAX = 4.0
"""A connection that was idle for longer is not used again: the services close theirs after 5 (uvicorn's default)."""
TIMEOUT = aiohttp.ClientTimeout(connect=2.0, sock_read=60.0)
"""Seconds: until there is a connection (a free one, or a new one), and until some of the answer comes."""
_PATH_CHARACTERS = "/:@!$&'()*+,;=~-._"
_ENDS_HERE = HOP_BY_HOP | {b"host", b"expect"}
"""What is said to the gateway alone: its own server has asked for the body by now."""
_NOT_ADDED = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class Disconnected(Exception):
    """The client went away before its request was whole."""


class BrokenOff(Exception):
    """The connection ended before the answer began."""


class Proxy:
    """Forwards to ``base_url``; its errors are 502, 503 and 504 problems. It follows no redirects.

    Make it inside the event loop that uses it, and close it there.
    """

    def __init__(
        self, name: str, base_url: str, connections_max: int, timeout: aiohttp.ClientTimeout = TIMEOUT
    ) -> None:
        self._name, self._base = name, URL(base_url)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=connections_max, keepalive_timeout=IDLE_SECONDS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=_NOT_ADDED,
            auto_decompress=False,
            timeout=timeout,
            middlewares=(_once,),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = Body(await _some(receive), receive)
            response = await self._ask(scope, body)
        except Disconnected:
            return
        async with response:
            await _answer(response, send)

    async def close(self) -> None:
        """Part with the service."""
        await self._session.close()

    async def _ask(self, scope: Scope, body: Body) -> aiohttp.ClientResponse:
        """Send the request, and wait until its answer begins. Raises Disconnected and Problem."""
        headers = [
            (name.decode(), value.decode("utf-8", "replace"))
            for name, value in scope["headers"]
            if name not in _ENDS_HERE
        ]
        try:
            return await self._session.request(
                scope["method"], self._url(scope), headers=headers, data=body.data, allow_redirects=False
            )
        except (aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorError) as error:
            raise unavailable(f"{self._name} cannot be reached now") from error
        except TimeoutError as error:
            raise Problem(504, "timed-out", f"{self._name} did not answer in time") from error
        except (BrokenOff, aiohttp.ClientConnectionError) as error:  # it was stopped, or killed
            if body.broken_off:
                raise Disconnected from error
            raise unavailable(f"{self._name} broke off before it answered: send it again") from error
        except aiohttp.ClientError as error:
            raise Problem(502, "bad-gateway", f"{self._name} cannot be understood") from error

    def _url(self, scope: Scope) -> URL:
        """Where to, as it is to go over the wire: aiohttp changes nothing of what is ``encoded``."""
        return URL.build(
            scheme=self._base.scheme,
            authority=self._base.raw_authority,
            path=quote(scope["path"], safe=_PATH_CHARACTERS),
            query_string=quote(scope["query_string"], safe=punctuation),
            encoded=True,
        )


class Body:
    """A request's body from its first message on, to be read once."""

    def __init__(self, first: Message, receive: Receive) -> None:
        self._first, self._receive = first, receive
        self.broken_off = False
        """Whether the client went away before it was whole."""

    @property
    def data(self) -> Body | bytes | None:
        """For aiohttp: as bytes what is whole already, as it goes out in one write with the head; None: no body."""
        return self if self._first.get("more_body", False) else self._first.get("body") or None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        message = self._first
        while message.get("more_body", False):
            yield message["body"]
            try:
                message = await _some(self._receive)
            except Disconnected:
                self.broken_off = True
                raise
        yield message.get("body", b"")


async def _some(receive: Receive) -> Message:
    """The next of the request's body that says something. Raises Disconnected."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        if message.get("body") or not message.get("more_body", False):
            return message


async def _once(request: aiohttp.ClientRequest, ask: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Hide from aiohttp that a kept connection has ended: it would send an idempotent request a second time."""
    try:
        return await ask(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise BrokenOff from error


async def _answer(response: aiohttp.ClientResponse, send: Send) -> None:
    """The date is said once, by the server that the client talks to (RFC 9110 §6.6.1)."""
    headers = [(n.lower(), value) for n, value in response.raw_headers if n.lower() not in HOP_BY_HOP | {b"date"}]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    async for chunk in response.content.iter_any():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
