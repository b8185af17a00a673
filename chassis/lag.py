"""How far behind a reader is, and how long an outbox has been waiting."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from chassis.bus import At, Bus, Positions
from chassis.clock import Clock
from chassis.db import Connection
from chassis.metric_names import CONSUMER_LAG, CONSUMER_LAG_SECONDS, OUTBOX_AGE, OUTBOX_ROWS

SAMPLES_MAX = 10_000


async def tell_lag(bus: Bus, clock: Clock, group: str, topics: Sequence[str], read: Positions) -> None:
    """Measure a group's lag, in records and in seconds: the age of the oldest record that is not read."""
    for topic in topics:
        ends = await bus.ends(topic)
        behind = {p: end - read.get(p, 0) for p, end in ends.items() if end > read.get(p, 0)}
        CONSUMER_LAG.set(sum(behind.values()), group, topic)
        CONSUMER_LAG_SECONDS.set(await _oldest(bus, clock, behind, read), group, topic)


async def _oldest(bus: Bus, clock: Clock, behind: Positions, read: Positions) -> float:
    oldest = 0.0
    for partition in behind:
        for record in await bus.read(At(partition, read.get(partition, 0)), 1):
            oldest = max(oldest, (clock.now() - record.appended_at).total_seconds())
    return oldest


class OutboxWatch:
    """Says how many rows wait and (at least) how long, from what was seen before: the rows carry no time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque(maxlen=SAMPLES_MAX)

    async def tell(self, conn: Connection, schema: str) -> None:
        """Look at the outbox that this connection sees."""
        row = await conn.fetchrow("select count(*) as rows, min(id) as oldest, max(id) as newest from outbox")
        assert row is not None  # an aggregate without groups
        now = self._clock.monotonic()
        while self._seen and (row["oldest"] is None or self._seen[0][1] < row["oldest"]):
            self._seen.popleft()
        if row["newest"] is not None:
            self._seen.append((now, row["newest"]))
        OUTBOX_ROWS.set(row["rows"], schema)
        OUTBOX_AGE.set(now - self._seen[0][0] if self._seen else 0.0, schema)
