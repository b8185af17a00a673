"""A service in another process, seen as an ASGI application: the request goes on over HTTP, both ways as a stream."""

from __future__ import annotations

from urllib.parse import quote

from starlette.types import Message, Receive, Scope, Send

from chassis.problems import Problem, unavailable
from gateway.connections import BrokenOff, Connections, Exchange, NotUnderstood, Patience, Unreachable
from gateway.headers import HOP_BY_HOP

_PATH_CHARACTERS = "/:@!$&'()*+,;=~-._"
_ENDS_HERE = HOP_BY_HOP | {b"host", b"expect"}
"""What is said to the gateway alone: its own server has asked for the body by now."""
_WITH_BODY = ("POST", "PUT", "PATCH")


class Disconnected(Exception):
    """The client went away before its request was whole."""


class Proxy:
    """Forwards to ``base_url``; its errors are 502, 503 and 504 problems. It follows no redirects."""

    def __init__(self, name: str, base_url: str, connections_max: int, patience: Patience | None = None) -> None:
        self._name, self._connections = name, Connections(base_url, connections_max, patience or Patience())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            first = await _some(receive)
            async with self._connections.exchange() as exchange:
                await self._ask(exchange, scope, first, receive)
                await _answer(exchange, send)
        except Disconnected:
            return
        except Unreachable as error:
            raise unavailable(f"{self._name} cannot be reached now") from error

    def close(self) -> None:
        """Part with the service."""
        self._connections.close()

    async def _ask(self, exchange: Exchange, scope: Scope, message: Message, receive: Receive) -> None:
        """Send the request, and wait until its answer begins. Raises Disconnected and Problem."""
        try:
            head, chunked = self._head(scope, message)
            await exchange.write(head + _framed(message, chunked))
            while message.get("more_body", False) and not exchange.answered:
                message = await _some(receive)
                await exchange.write(_framed(message, chunked))
            exchange.last = exchange.last or message.get("more_body", False)
            await exchange.head()
        except TimeoutError as error:
            raise Problem(504, "timed-out", f"{self._name} did not answer in time") from error
        except BrokenOff as error:  # it was stopped, or killed
            raise unavailable(f"{self._name} broke off before it answered: send it again") from error
        except NotUnderstood as error:
            raise Problem(502, "bad-gateway", f"{self._name} cannot be understood") from error

    def _head(self, scope: Scope, first: Message) -> tuple[bytes, bool]:
        """The request's head, and whether its body is chunked: where the client does not say how long it is."""
        target = quote(scope["path"], safe=_PATH_CHARACTERS).encode()
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        lines = [b"%s %s HTTP/1.1" % (scope["method"].encode(), target), b"host: " + self._connections.host]
        lines += [name + b": " + value for name, value in scope["headers"] if name not in _ENDS_HERE]
        sized = any(name == b"content-length" for name, _ in scope["headers"])
        chunked = not sized and first.get("more_body", False)
        if chunked:
            lines.append(b"transfer-encoding: chunked")
        elif not sized and (first.get("body") or scope["method"] in _WITH_BODY):
            lines.append(b"content-length: %d" % len(first.get("body", b"")))
        return b"\r\n".join(lines) + b"\r\n\r\n", chunked


async def _some(receive: Receive) -> Message:
    """The next of the request's body that says something. Raises Disconnected."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        if message.get("body") or not message.get("more_body", False):
            return message


def _framed(message: Message, chunked: bool) -> bytes:
    body: bytes = message.get("body", b"")
    if not chunked:
        return body
    chunk = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
    return chunk if message.get("more_body", False) else chunk + b"0\r\n\r\n"


async def _answer(exchange: Exchange, send: Send) -> None:
    """The date is said once, by the server that the client talks to (RFC 9110 §6.6.1)."""
    status, headers = await exchange.head()
    kept = [(n.lower(), value) for n, value in headers if n.lower() not in HOP_BY_HOP | {b"date"}]
    await send({"type": "http.response.start", "status": status, "headers": kept})
    async for chunk in exchange.chunks():
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
