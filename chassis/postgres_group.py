"""Groups of the embedded log: members with leases on the database's clock, and who reads which partition."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence

from chassis import postgres_records
from chassis.bus import At, Locate, LogUnavailable, Partition, PositionOutsideLog, Positions, Record
from chassis.db import Connection, Database
from chassis.postgres_records import log_errors
from chassis.shares import share

log = logging.getLogger(__name__)

LEASE_SECONDS = 10.0
HEARTBEATS_PER_LEASE = 5
IDLE_SECONDS = 0.2
"""How long a waiting poll sleeps before it looks for what another process appended."""
POLL_GAP_SECONDS_MAX = 300.0
"""A member that has not polled for so long is stuck: it stops renewing its lease."""


class GroupMember:
    """A member's place in a group (chassis.bus.Membership)."""

    def __init__(
        self, database: Database, group: str, topics: Sequence[str], locate: Locate, lease_seconds: float
    ) -> None:
        self.woken = asyncio.Event()
        """Set by an append of this process, so that a waiting poll looks at once."""
        self._database, self._group, self._topics, self._locate = database, group, list(topics), locate
        self._lease_seconds = lease_seconds
        self._member_id = 0
        self._ids: dict[Partition, int] = {}
        self._epochs: dict[Partition, int] = {}
        self._positions: dict[Partition, int] = {}
        self._turn = 0
        self._polled_at = asyncio.get_running_loop().time()

    async def poll(self, records_max: int, wait_seconds: float) -> list[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            self._polled_at = loop.time()
            self.woken.clear()
            await self._settle()
            records = await self._fetch(records_max)
            left = deadline - loop.time()
            if records or left <= 0:
                return records
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.woken.wait(), min(left, IDLE_SECONDS))

    def assignment(self) -> Mapping[Partition, int]:
        return dict(self._epochs)

    async def rewind(self) -> None:
        self._positions.clear()

    async def report(self, positions: Positions) -> None:
        rows = sorted((self._ids[p], offset) for p, offset in positions.items() if p in self._ids)
        with log_errors():
            async with self._database.connection() as conn:
                await conn.execute(_REPORT, self._group, [i for i, _ in rows], [offset for _, offset in rows])

    async def enter(self) -> None:
        """Take a place in the group."""
        with log_errors():
            async with self._database.transaction() as conn:
                self._member_id = await conn.fetchval(
                    "insert into member (reader_group, topics, lease_until)"
                    " values ($1, $2, clock_timestamp() + make_interval(secs => $3)) returning id",
                    self._group,
                    self._topics,
                    self._lease_seconds,
                )
                await rebalance(conn, self._group)

    async def leave(self) -> None:
        """Hand the partitions over; when the log is down the lease runs out instead."""
        with contextlib.suppress(LogUnavailable), log_errors():
            async with self._database.transaction() as conn:
                await conn.execute("delete from member where id = $1", self._member_id)
                await rebalance(conn, self._group)

    async def keep_place(self) -> None:
        """Renew the lease until cancelled, and give away the places of members whose lease ran out."""
        while True:
            await asyncio.sleep(self._lease_seconds / HEARTBEATS_PER_LEASE)
            if asyncio.get_running_loop().time() - self._polled_at > POLL_GAP_SECONDS_MAX:
                continue
            try:
                with log_errors():
                    await self._renew()
            except LogUnavailable as error:
                log.warning("%s: the lease is not renewed: %s", self._group, error)
            except Exception:
                log.exception("%s: the lease is not renewed", self._group)

    async def _renew(self) -> None:
        async with self._database.transaction() as conn:
            await conn.execute(
                "update member set lease_until = clock_timestamp() + make_interval(secs => $2) where id = $1",
                self._member_id,
                self._lease_seconds,
            )
            if await conn.fetchval(
                "select exists(select from member where reader_group = $1 and lease_until < clock_timestamp())",
                self._group,
            ):
                await rebalance(conn, self._group)

    async def _settle(self) -> None:
        """Follow the group's table of who reads what; a partition that came anew is located."""
        if (rows := await self._places()) is None:
            log.warning("%s: the lease ran out; joining again", self._group)
            await self.enter()
            rows = await self._places() or []
        epochs = {partition: epoch for partition, _, epoch in rows}
        self._ids = {partition: partition_id for partition, partition_id, _ in rows}
        self._positions = {p: at for p, at in self._positions.items() if epochs.get(p) == self._epochs.get(p)}
        self._epochs = epochs
        if new := [p for p in epochs if p not in self._positions]:
            located = await self._locate(new)
            self._positions |= await self._within_log({p: located.get(p, 0) for p in new})

    async def _within_log(self, located: Positions) -> Positions:
        """The same positions. Raises PositionOutsideLog for one that the log has not reached (it was restored, say)."""
        with log_errors():
            async with self._database.connection() as conn:
                rows = await conn.fetch(
                    "select topic, number, next_offset from partition where id = any($1)", list(self._ids.values())
                )
        ends = {Partition(r["topic"], r["number"]): r["next_offset"] for r in rows}
        for partition, offset in located.items():
            if not 0 <= offset <= ends[partition]:
                raise PositionOutsideLog(f"{partition} ends at {ends[partition]}, and its reader stands at {offset}")
        return located

    async def _places(self) -> list[tuple[Partition, int, int]] | None:
        """(partition, its id, epoch) of what this member reads; None when it is no member any more."""
        with log_errors():
            async with self._database.connection() as conn:
                rows = await conn.fetch(_PLACES, self._member_id)
        if not rows:
            return None
        return [(Partition(r["topic"], r["number"]), r["id"], r["epoch"]) for r in rows if r["id"] is not None]

    async def _fetch(self, records_max: int) -> list[Record]:
        if not self._positions:
            return []
        with log_errors():
            async with self._database.connection() as conn:
                records = await postgres_records.read(conn, list(self._since()), records_max)
        for record in records:
            self._positions[record.partition] = record.offset + 1
        return records

    def _since(self) -> Iterator[tuple[int, At]]:
        """Each partition comes first in turn, so that a full one cannot starve the others."""
        self._turn += 1
        partitions = sorted(self._positions)
        first = self._turn % len(partitions)
        for partition in partitions[first:] + partitions[:first]:
            yield self._ids[partition], At(partition, self._positions[partition])


_PLACES = """
select partition.id, topic, number, epoch from member
left join assignment on member_id = member.id left join partition on partition.id = partition_id
where member.id = $1
"""

# Only shown as lag: a report that a crash loses costs nothing, so its commit need not wait for the disk.
_REPORT = """
insert into reported (reader_group, partition_id, next_offset)
select $1, id, next_offset from unnest($2::int[], $3::bigint[]) as r(id, next_offset),
    (select set_config('synchronous_commit', 'off', true)) as quick
on conflict (reader_group, partition_id) do update set next_offset = excluded.next_offset
"""


async def rebalance(conn: Connection, group: str) -> None:
    """Share the group's partitions among its living members; each partition that moves gets its next epoch."""
    await conn.execute("select pg_advisory_xact_lock(hashtext('log.group'), hashtext($1))", group)
    await conn.execute("delete from member where reader_group = $1 and lease_until < clock_timestamp()", group)
    members = await conn.fetch("select id, topics from member where reader_group = $1 order by id", group)
    rows = await conn.fetch(
        "select id, topic, member_id from partition"
        " left join assignment on partition_id = id and reader_group = $1"
        " where topic = any($2) or member_id is not null order by id",
        group,
        sorted({topic for member in members for topic in member["topics"]}),
    )
    held = {row["id"]: row["member_id"] for row in rows}
    topics = {row["id"]: row["topic"] for row in rows}
    shared = share(topics, {m["id"]: frozenset(m["topics"]) for m in members}, held)
    moved = [(i, member) for i, member in shared.items() if member != held[i]]
    await conn.execute(
        "insert into assignment (reader_group, partition_id, member_id, epoch)"
        " select $1, id, member_id, 1 from unnest($2::int[], $3::bigint[]) as m(id, member_id)"
        " on conflict (reader_group, partition_id)"
        " do update set member_id = excluded.member_id, epoch = assignment.epoch + 1",
        group,
        [i for i, _ in moved],
        [member for _, member in moved],
    )
