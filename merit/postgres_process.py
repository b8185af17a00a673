"""The embedded PostgreSQL as a process: started, started again when it ends by itself, and stopped cleanly."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from chassis import db
from merit import service_user
from merit.home import MeritError

log = logging.getLogger(__name__)

START_SECONDS_MAX = 120
STOP_SECONDS_MAX = 60
LOOK_SECONDS = 0.5
"""How soon it is seen that it has ended by itself."""


class Process:
    """``command`` run as this user, what it says in the file ``log``; it is up when ``dsn`` answers."""

    def __init__(
        self, command: Sequence[str | Path], dsn: str, log: Path, user: service_user.User | None, tries_max: int
    ) -> None:
        self._command, self._dsn, self._log, self._user, self._tries_max = command, dsn, log, user, tries_max
        self._process: subprocess.Popen[bytes] | None = None

    @asynccontextmanager
    async def running(self, lost: Callable[[], None]) -> AsyncIterator[None]:
        """Up while the context is open. Raises MeritError when it does not start.

        One that ends by itself (killed, out of memory) is started again; ``lost`` is called when that fails.
        """
        keeping: asyncio.Task[None] | None = None
        try:
            await self._start()
            keeping = asyncio.create_task(self._keep(lost), name="postgres")
            yield
        finally:
            if keeping:
                keeping.cancel()
                await asyncio.wait([keeping])
            await asyncio.shield(self._stop())

    async def _keep(self, lost: Callable[[], None]) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self._process and (code := self._process.poll()) is not None:
                log.error("PostgreSQL ended by itself (%d): starting it again; its log is %s", code, self._log)
                try:
                    await self._start()
                except MeritError as error:
                    log.critical("%s", error)
                    lost()
                    return

    async def _start(self) -> None:
        for attempt in range(1, self._tries_max + 1):
            self._process = self._spawn()
            if await self._answers(self._process):
                return
            await self._stop()
            await asyncio.sleep(attempt)  # after a crash the old server's memory may need a moment to go
        raise MeritError(f"The embedded PostgreSQL does not start: its log is {self._log}.")

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as out:  # a session of its own, so that Ctrl-C in the terminal reaches Merit only
            return subprocess.Popen(
                self._command,
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
                **service_user.options(self._user),
            )

    async def _answers(self, process: subprocess.Popen[bytes]) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + START_SECONDS_MAX
        while process.poll() is None and loop.time() < deadline:
            with suppress(db.DatabaseUnavailable):
                async with db.single(self._dsn):
                    return True
            await asyncio.sleep(0.05)
        return False

    async def _stop(self) -> None:
        """PostgreSQL's fast shutdown: roll back what is open, write all, leave no recovery for the next start."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        try:
            await asyncio.to_thread(self._process.wait, STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGQUIT)  # immediate: the next start recovers
            await asyncio.to_thread(self._process.wait)
