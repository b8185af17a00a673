"""What was decided, as every process of ingest knows it: asked of the database at most once a second."""

from __future__ import annotations

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

    async def get(self) -> Known:
        """The value. Raises DatabaseUnavailable."""
        now = self.clock.monotonic()
        if not self._known or now - self._asked_at >= FRESH_SECONDS:
            async with self.database.transaction(readonly=True) as conn:
                self._known = [await self.load(conn)]
            self._asked_at = now
        return self._known[0]

    def forget(self) -> None:
        """Ask again the next time."""
        self._known = []
