"""A service in another process, seen as an ASGI application: the request goes on over HTTP, both ways as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx
from starlette.types import Receive, Scope, Send

from chassis.problems import Problem, unavailable
from gateway.headers import HOP_BY_HOP

CONNECT_SECONDS_MAX = 2.0
READ_SECONDS_MAX = 60.0
WRITE_SECONDS_MAX = 30.0
POOL_SECONDS_MAX = 2.0
TIMEOUT = httpx.Timeout(
    connect=CONNECT_SECONDS_MAX, read=READ_SECONDS_MAX, write=WRITE_SECONDS_MAX, pool=POOL_SECONDS_MAX
)
_PATH_CHARACTERS = "/:@!$&'()*+,;=~-._"


class Disconnected(Exception):
    """The client went away before its request was whole."""


class Proxy:
    """Forwards to ``base_url`` with a client of its own; its errors are 502, 503 and 504 problems."""

    def __init__(self, name: str, base_url: str, client: httpx.AsyncClient, timeout: httpx.Timeout = TIMEOUT) -> None:
        self._name, self._base, self._client, self._timeout = name, httpx.URL(base_url), client, timeout

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = self._request(scope, receive)
        try:
            response = await self._client.send(request, stream=True)
        except Disconnected:
            return
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise unavailable(f"{self._name} cannot be reached now") from error
        except httpx.TimeoutException as error:
            raise Problem(504, "timed-out", f"{self._name} did not answer in time") from error
        except (httpx.NetworkError, httpx.RemoteProtocolError) as error:  # it was stopped, or killed
            raise unavailable(f"{self._name} broke off before it answered: send it again") from error
        except httpx.HTTPError as error:
            raise Problem(502, "bad-gateway", f"{self._name} cannot be understood") from error
        await _answer(response, send)

    def _request(self, scope: Scope, receive: Receive) -> httpx.Request:
        target = quote(scope["path"], safe=_PATH_CHARACTERS).encode()
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        sized = any(name in (b"content-length", b"transfer-encoding") for name, _ in scope["headers"])
        content = _body(receive) if sized or scope["method"] in ("POST", "PUT", "PATCH") else None
        sent = [(name, value) for name, value in scope["headers"] if name != b"host"]
        sent.append((b"host", self._base.netloc))
        request = httpx.Request(scope["method"], self._base.copy_with(raw_path=target), headers=sent, content=content)
        request.extensions["timeout"] = self._timeout.as_dict()
        return request


def client(connections_max: int) -> httpx.AsyncClient:
    """A pool of connections to services; it follows no redirects and reads no proxy settings."""
    limits = httpx.Limits(max_connections=connections_max, max_keepalive_connections=connections_max)
    return httpx.AsyncClient(limits=limits, trust_env=False)


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    """The request's body as it comes. Raises Disconnected."""
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]


async def _answer(response: httpx.Response, send: Send) -> None:
    """The date is said once, by the server that the client talks to (RFC 9110 §6.6.1)."""
    kept = [(n.lower(), value) for n, value in response.headers.raw if n.lower() not in HOP_BY_HOP | {b"date"}]
    try:
        await send({"type": "http.response.start", "status": response.status_code, "headers": kept})
        async for chunk in response.aiter_raw():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        await response.aclose()
