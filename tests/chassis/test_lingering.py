"""Behind a real socket: a client that sends all of its body before it reads sees the answer that refuses it."""

from __future__ import annotations

import asyncio
import socket

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.lingering import Lingering
from chassis.problems import Problem, problem_response
from chassis.serving import serving

PIECE = b"x" * 65_536
PIECES = 256
"""16 MiB: more than the buffers of both ends hold."""
REFUSED = problem_response(Problem(413, "too-large", "no", headers={"Connection": "close"}))


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer before a byte of the body was read."""
    await REFUSED(scope, receive, send)


async def refuse_late(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer when some of the body was read."""
    await receive()
    await REFUSED(scope, receive, send)


async def take(scope: Scope, receive: Receive, send: Send) -> None:
    """Read everything, then end the connection."""
    while (await receive()).get("more_body"):
        pass
    await REFUSED(scope, receive, send)


async def told(port: int, head: bytes, pieces: int, frame: bytes = b"%b", end: bytes = b"") -> bytes:
    """What the server says to a client that sends first and then reads, to the connection's end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"POST / HTTP/1.1\r\nHost: here\r\n" + head + b"\r\n\r\n")
        for _ in range(pieces):
            writer.write(frame % PIECE)
            await writer.drain()
        writer.write(end)
        return await reader.read()
    finally:
        writer.close()


SIZED = b"Content-Length: %d" % (PIECES * len(PIECE))
CHUNKED = b"Transfer-Encoding: chunked"


@pytest.mark.parametrize("app", [refuse, refuse_late, take])
async def test_the_answer_arrives(app: ASGIApp) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with serving(app, taken, 5.0):
            port = taken.getsockname()[1]
            sized = await told(port, SIZED, PIECES)
            chunked = await told(port, CHUNKED, PIECES, b"10000\r\n%b\r\n", b"0\r\n\r\n")
    for answer in (sized, chunked):
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert answer.endswith(REFUSED.body)


async def test_who_waits_to_be_asked_is_not_asked_for_the_body() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        async with serving(refuse, taken, 5.0):
            reader, writer = await asyncio.open_connection("127.0.0.1", taken.getsockname()[1])
            writer.write(b"POST / HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\n" + SIZED + b"\r\n\r\n")
            answer = await reader.readuntil(REFUSED.body)
            writer.close()
            rest = await reader.read()
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert rest == b""


@pytest.mark.parametrize(("bytes_max", "seconds_max"), [(3 * len(PIECE), 60.0), (2**40, 0.05)])
async def test_nobody_is_read_for_ever(bytes_max: int, seconds_max: float) -> None:
    sent: list[Message] = []
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": PIECE, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    await Lingering(refuse, bytes_max, seconds_max)({"type": "http", "headers": []}, receive, send)
    assert [m.get("more_body", False) for m in sent] == [False, True, False]
    assert asked == 3 or bytes_max > PIECES * len(PIECE)
