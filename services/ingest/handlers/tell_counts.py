"""Telling the others what the door did not take as sent: its counts, as totals, once a second at most."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from chassis import progress
from chassis.clock import Clock, pause
from chassis.db import Database, DatabaseUnavailable
from chassis.outbox import announce
from services.ingest.store import counts
from services.ingest.translate import door_counted

log = logging.getLogger(__name__)

ROWS_MAX = 1_000
IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Teller:
    """Announces the counts that have changed; of several tellers one works and the others idle."""

    database: Database
    clock: Clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""
        while not stop.is_set():
            progress.beat("teller")
            try:
                while await self.step() and not stop.is_set():
                    pass
            except DatabaseUnavailable as error:
                log.warning("teller: %s", error)
            except Exception:
                log.exception("teller: the counts could not be told; trying it again")
            await pause(IDLE_SECONDS, stop)
        progress.ended("teller")

    async def step(self) -> int:
        """Announce some of the counts that have changed; returns how many. One transaction."""
        async with self.database.transaction() as conn:
            changed = await counts.take_untold(conn, ROWS_MAX)
            if changed:
                await announce(conn, [door_counted(count, self.clock.now()) for count in changed])
        return len(changed)
