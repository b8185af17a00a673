"""What was decided, as every process of ingest knows it: asked of the database at most once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from chassis.clock import Clock
from chassis.db import Connection, Database

FRESH_SECONDS = 1.0
"""What another process has decided is in force here after this long; what was decided here, at once."""
Known = TypeVar("Known")


@dataclass
class Fresh(Generic[Known]):
    """A value of the database that is at most FRESH_SECONDS old."""

    database: Database
    clock: Clock
    load: Callable[[Connection], Awaitable[Known]]
    _known: list[Known] = field(default_factory=list)
    _asked_at: float = 0.0
    _asking: asyncio.Task[Known] | None = None

    async def get(self) -> Known:
        """The value. Raises DatabaseUnavailable."""
        if self._known and self.clock.monotonic() - self._asked_at < FRESH_SECONDS:
            return self._known[0]
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask())
        return await asyncio.shield(self._asking)  # one asks for all who come meanwhile

    async def _ask(self) -> Known:
        now = self.clock.monotonic()
        async with self.database.connection() as conn:  # one statement: a transaction is two round trips more
            known = await self.load(conn)
        self._known, self._asked_at = [known], now
        return known

    def forget(self) -> None:
        """Ask again the next time."""
        self._known = []
