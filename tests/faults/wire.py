"""A proxy on the wire to PostgreSQL: it sees which statement a process is at, and strikes there.

The process is the real one, with nothing built in for tests. What it asks passes through here, statement by statement,
so that "after the send, before the delete" is a place that can be named: the text of the statement that comes next.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

SSL_REQUEST = 80877103
PORT = 5432
CHUNK_BYTES = 1 << 18
READY = b"Z\0\0\0\5"
Action = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Step:
    """A moment in a transaction: ``moment`` before or after the statement that contains ``statement``, in a
    transaction that had one containing ``within`` (none: in any)."""

    moment: str
    statement: str
    within: str | None = None


@dataclass
class Trap:
    """What happens at the ``nth`` time that a process comes to a step; ``sprung`` is set then."""

    step: Step
    nth: int
    action: Action
    sprung: asyncio.Event = field(default_factory=asyncio.Event)
    seen: int = 0

    async def pass_by(self, moment: str, sql: str, transaction: list[str]) -> None:
        """Count, and act when it is time."""
        step = self.step
        if moment != step.moment or step.statement not in sql or self.sprung.is_set():
            return
        if step.within and not any(step.within in told for told in transaction):
            return
        self.seen += 1
        if self.seen == self.nth:
            self.sprung.set()
            await self.action()


class Wire:
    """The proxy of one process. ``traps`` may be set at any time; ``rewritten`` replaces parts of the statements that
    are prepared from then on (to see a checker go red, the product's own guard is taken out of its SQL here)."""

    def __init__(self, admin_dsn: str) -> None:
        self.traps: list[Trap] = []
        self.rewritten: Mapping[str, str] = {}
        self.rewrote = 0
        self._upstream = urlsplit(admin_dsn)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=CHUNK_BYTES)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._server
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    def dsn(self, direct: str) -> str:
        """The same role and database, by way of this proxy."""
        parts = urlsplit(direct)
        who = parts.netloc.rpartition("@")[0]
        return parts._replace(netloc=f"{who}@127.0.0.1:{self.port}", query="sslmode=disable").geturl()

    def cut(self) -> None:
        """Close every connection."""
        for task in self._tasks:
            task.cancel()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self._upstream.query).get("host")
        port = self._upstream.port or PORT
        if folder:
            return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.{port}", limit=CHUNK_BYTES)
        return await asyncio.open_connection(self._upstream.hostname, port, limit=CHUNK_BYTES)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            up_reader, up_writer = await self._dial()
            talk = _Talk(self)
            pumps = [
                asyncio.create_task(talk.asks(reader, up_writer, writer)),
                asyncio.create_task(talk.answers(up_reader, writer)),
            ]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
                for end in (writer, up_writer):
                    end.close()


class _Talk:
    """One connection: what was prepared on it, and what its transaction did so far."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._prepared: dict[bytes, str] = {}
        self._transaction: list[str] = []
        self._asked: list[str] = []

    async def asks(self, reader: asyncio.StreamReader, up: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        """From the process to the server, message by message."""
        await self._begin(reader, up, back)
        while True:
            head = await reader.readexactly(5)
            body = await reader.readexactly(int.from_bytes(head[1:]) - 4)
            if head[:1] in b"QPB":
                body = await self._look(head[:1], body)
            up.write(head[:1] + (len(body) + 4).to_bytes(4) + body)
            await up.drain()

    async def _begin(self, reader: asyncio.StreamReader, up: asyncio.StreamWriter, back: asyncio.StreamWriter) -> None:
        """The first message has no type; a wish for TLS is declined."""
        while True:
            size = await reader.readexactly(4)
            body = await reader.readexactly(int.from_bytes(size) - 4)
            if int.from_bytes(body[:4]) != SSL_REQUEST:
                up.write(size + body)
                return
            back.write(b"N")

    async def _look(self, kind: bytes, body: bytes) -> bytes:
        if kind == b"P":
            name, sql, rest = body.split(b"\0", 2)
            for part, other in self._wire.rewritten.items():
                self._wire.rewrote += sql.count(part.encode())
                sql = sql.replace(part.encode(), other.encode())
            self._prepared[name] = sql.decode()
            return name + b"\0" + sql + b"\0" + rest
        sql_text = body.rstrip(b"\0").decode() if kind == b"Q" else self._prepared[body.split(b"\0", 2)[1]]
        if sql_text.startswith("BEGIN"):
            self._transaction.clear()
        for trap in self._wire.traps:
            await trap.pass_by("before", sql_text, self._transaction)
        self._asked.append(sql_text)
        return body

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """From the server to the process; a statement is done when the server is ready for the next."""
        last = b""
        while chunk := await reader.read(CHUNK_BYTES):
            last = (last + chunk)[-6:]
            if last[:5] == READY:
                asked, self._asked = self._asked, []
                for sql in asked:
                    for trap in self._wire.traps:
                        await trap.pass_by("after", sql, self._transaction)
                    self._transaction.append(sql)
            writer.write(chunk)
            await writer.drain()
