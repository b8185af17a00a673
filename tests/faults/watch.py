"""Readers that look on while things break: what they saw once must still be so later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from chassis.bus import At, Bus, LogUnavailable, Partition, Record
from chassis.db import DatabaseUnavailable
from contracts.topics import TOPICS
from tests.faults.cluster import Cluster

LOOK_SECONDS = 1.0
READ_RECORDS = 2000


@dataclass
class Watch:
    """What was seen of the log, of the readers' positions and of the ledger, and what of it was wrong (``found``)."""

    cluster: Cluster
    found: list[str] = field(default_factory=list)
    seen: dict[Partition, list[bytes]] = field(default_factory=dict)
    positions: dict[tuple[str, str, int], int] = field(default_factory=dict)
    entries: dict[str, str] = field(default_factory=dict)
    looks: int = 0
    one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def look(self) -> None:
        """Look once: the log goes on where it was, positions only grow, the ledger nets to zero and only grows."""
        async with self.one_at_a_time:
            await self._look()

    async def _look(self) -> None:
        for topic in TOPICS:
            for partition in await self.cluster.bus.ends(topic.name):
                known = self.seen.setdefault(partition, [])
                while more := await self._contiguous(partition, len(known)):
                    known += [record.value for record in more]
        await self._positions()
        await self._ledger()
        self.looks += 1

    def values(self, topic: str) -> list[bytes]:
        """Everything that was seen on a topic."""
        return [value for partition, values in self.seen.items() if partition.topic == topic for value in values]

    async def again(self) -> list[str]:
        """Read the whole log anew: it must be what was seen the first time, record by record (I4)."""
        wrong = []
        for partition, known in self.seen.items():
            read = await read_all(self.cluster.bus, partition)
            if [r.value for r in read[: len(known)]] != known:
                wrong.append(f"I4: {partition} reads differently the second time")
        return wrong

    async def _contiguous(self, partition: Partition, since: int) -> list[Record]:
        records = await self.cluster.bus.read(At(partition, since), READ_RECORDS)
        for number, record in enumerate(records):
            if record.offset != since + number:
                self.found.append(f"I4: {partition} has {record.offset} where {since + number} is due")
        return records

    async def _positions(self) -> None:
        for service in ("kpi", "incentive"):
            async with self.cluster.database(service) as conn:
                rows = await conn.fetch("select topic, partition, next_offset from position")
            for row in rows:
                place = (service, row["topic"], row["partition"])
                if row["next_offset"] < self.positions.get(place, 0):
                    self.found.append(f"I4: {place} went back to {row['next_offset']}")
                self.positions[place] = row["next_offset"]

    async def _ledger(self) -> None:
        async with self.cluster.database("incentive") as conn, conn.transaction(isolation="repeatable_read"):
            nets = await conn.fetch(
                "select currency, sum(amount_minor) as net from ledger_posting join ledger_entry using (entry_id)"
                " group by currency having sum(amount_minor) <> 0"
            )
            rows = await conn.fetch(
                "select entry_id, md5(e::text || string_agg(p::text, ',' order by account)) as content"
                " from ledger_entry e join ledger_posting p using (entry_id) group by entry_id, e"
            )
        self.found += [f"I5: the ledger nets to {row['net']} {row['currency']}" for row in nets]
        now = {row["entry_id"]: row["content"] for row in rows}
        self.found += [f"I5: entry {i} changed or went" for i, text in self.entries.items() if now.get(i) != text]
        self.entries = now


async def read_all(bus: Bus, partition: Partition) -> list[Record]:
    """Every record of a partition."""
    found: list[Record] = []
    while more := await bus.read(At(partition, found[-1].offset + 1 if found else 0), READ_RECORDS):
        found += more
    return found


@asynccontextmanager
async def watching(cluster: Cluster) -> AsyncIterator[Watch]:
    """Look again and again while the context is open."""
    watch = Watch(cluster)

    async def go_on() -> None:
        while True:
            with suppress(LogUnavailable, DatabaseUnavailable):
                await watch.look()
            await asyncio.sleep(LOOK_SECONDS)

    task = asyncio.create_task(go_on())
    try:
        yield watch
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
