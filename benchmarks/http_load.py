"""HTTP/1.1 load over a few connections, cheap enough to share a small machine with what it measures.

Requests are rendered beforehand. Each connection sends its next request when its last one is answered.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec

TICK_SECONDS = 0.001
IDLE_SECONDS_MAX = 2.0
"""A server closes a connection that is idle for longer (uvicorn after 5 s): rather fewer of them."""
END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length:"


class _Counted(msgspec.Struct):
    accepted: int


_counted = msgspec.json.Decoder(_Counted).decode


class WrongAnswer(Exception):
    """A server did not do what it was asked to: its figures mean nothing."""


@dataclass
class Tally:
    """What was answered: seconds per request, and how many events were said to be accepted."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)
    accepted: int = 0

    def at(self, share: float) -> float:
        """The latency that this share of the requests stayed below, in seconds."""
        return sorted(self.latencies)[min(len(self.latencies) - 1, int(len(self.latencies) * share))]


def asked(paths: Iterable[str], headers: Mapping[str, str]) -> list[bytes]:
    """GET requests as they go over the wire."""
    rest = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return [f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{rest}\r\n".encode() for path in paths]


def rendered(path: str, headers: Mapping[str, str], bodies: Iterable[bytes]) -> list[bytes]:
    """POST requests as they go over the wire."""
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    return [f"{head}content-length: {len(body)}\r\n\r\n".encode() + body for body in bodies]


def accepted(head: bytes, body: bytes) -> int:
    """How many events a 202 says that it accepts. Raises WrongAnswer for any other answer."""
    if not head.startswith(b"HTTP/1.1 202"):
        raise WrongAnswer((head + body)[:600].decode(errors="replace"))
    return _counted(body).accepted


def read(head: bytes, body: bytes) -> int:
    """1 for a 200. Raises WrongAnswer for any other answer."""
    if not head.startswith(b"HTTP/1.1 200"):
        raise WrongAnswer((head + body)[:600].decode(errors="replace"))
    return 1


async def drive(
    port: int,
    requests: Iterable[bytes],
    connections: int,
    every_seconds: float = 0.0,
    judge: Callable[[bytes, bytes], int] = accepted,
) -> Tally:
    """Send them all, and return when all are answered. ``judge`` counts what an answer (head, body) says that was
    accepted. Raises WrongAnswer where it does.

    With ``every_seconds`` each request has its time, from which its latency counts even if no connection is free then.
    """
    loop, tally = asyncio.get_running_loop(), Tally()
    began = time.perf_counter()
    due = (began + number * every_seconds if every_seconds else 0.0 for number in itertools.count())
    feed = zip(due, requests, strict=False)
    clients = []
    for _ in range(min(connections, max(1, int(IDLE_SECONDS_MAX / every_seconds))) if every_seconds else connections):
        _, client = await loop.create_connection(lambda: _Client(feed, tally, judge), "127.0.0.1", port)
        clients.append(client)
    await asyncio.gather(*(client.ended for client in clients))
    tally.seconds = time.perf_counter() - began
    return tally


class _Client(asyncio.Protocol):
    def __init__(self, feed: Iterator[tuple[float, bytes]], tally: Tally, judge: Callable[[bytes, bytes], int]) -> None:
        self._feed, self._tally, self._judge = feed, tally, judge
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._received = bytearray()
        self._body = self._whole = 0  # where the answer's body begins, and where it ends; 0: not known yet
        self._since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one, without being derived from it
        self._next()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._whole and (end := self._received.find(END_OF_HEAD)) >= 0:
            self._body = end + len(END_OF_HEAD)
            self._whole = self._body + _length(bytes(self._received[:end]))
        if self._whole and len(self._received) >= self._whole:
            self._answered()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_exception(WrongAnswer(f"the connection was closed: {error!r}"))

    def _next(self) -> None:
        self._received.clear()
        self._body = self._whole = 0
        due, request = next(self._feed, (0.0, None))
        if request is None:
            self.ended.set_result(None)
            self._transport.close()
        elif (early := due - time.perf_counter()) > TICK_SECONDS:
            asyncio.get_running_loop().call_later(early, self._send, due, request)
        else:
            self._send(due or time.perf_counter(), request)

    def _send(self, since: float, request: bytes) -> None:
        self._since = since
        self._transport.write(request)

    def _answered(self) -> None:
        self._tally.latencies.append(time.perf_counter() - self._since)
        answer = bytes(self._received)
        try:
            self._tally.accepted += self._judge(answer[: self._body], answer[self._body :])
        except WrongAnswer as error:
            self._transport.close()
            self.ended.set_exception(error)
            return
        self._next()


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(LENGTH):
            return int(line[len(LENGTH) :])
    raise WrongAnswer(f"an answer without a length: {head.decode(errors='replace')}")
