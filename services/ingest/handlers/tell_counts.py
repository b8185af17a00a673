"""Telling the others what the door did not take as sent: its counts, as totals, once a second at most."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from chassis.clock import Clock
from chassis.db import Database
from chassis.outbox import announce
from chassis.turns import take_turns
from services.ingest.store import counts
from services.ingest.translate import door_counted

ROWS_MAX = 1_000
IDLE_SECONDS = 1.0


@dataclass(frozen=True)
class Teller:
    """Announces the counts that have changed; of several tellers one works and the others idle."""

    database: Database
    clock: Clock

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""

        async def turn() -> float:
            return 0.0 if await self.step() else IDLE_SECONDS

        await take_turns("teller", stop, turn, IDLE_SECONDS)

    async def step(self) -> int:
        """Announce some of the counts that have changed; returns how many. One transaction."""
        async with self.database.transaction() as conn:
            changed = await counts.take_untold(conn, ROWS_MAX)
            if changed:
                await announce(conn, [door_counted(count, self.clock.now()) for count in changed])
        return len(changed)
