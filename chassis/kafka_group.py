"""A member of a group on Kafka: positions come from the reader's own database, Kafka only shares the partitions out.

aiokafka's rebalance listener swallows exceptions, so it only takes notes; ``poll`` does what a new assignment asks
for. A consumer that stays alive and stops fetching (aiokafka issue 1154) is replaced by the watchdog.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, OffsetOutOfRangeError

from chassis.bus import Locate, LogUnavailable, Partition, PositionOutsideLog, Positions, Record
from chassis.kafka_assignor import EvenAssignor
from chassis.kafka_buffer import FetchedRecords
from chassis.kafka_calls import kafka_errors
from chassis.kafka_clients import KafkaClients, spot
from chassis.kafka_consumer import POLL_BYTES_MAX, GroupOptions, Listener, consumer_of, end
from chassis.kafka_watch import ProgressWatch

log = logging.getLogger(__name__)

IDLE_SECONDS = 0.01
"""How long a waiting poll sleeps before it looks at what was fetched."""
UNASSIGNED_SESSIONS_MAX = 2
"""A consumer that has waited for its partitions for so many sessions does not get them any more."""
COMMIT_SECONDS_MAX = 5.0


class KafkaMember:
    """A member's place in a group (chassis.bus.Membership). ``new_epoch`` gives a number that only ever grows."""

    def __init__(
        self,
        clients: KafkaClients,
        group: str,
        topics: Sequence[str],
        locate: Locate,
        new_epoch: Callable[[], Awaitable[int]],
        options: GroupOptions,
        instance: str | None,
    ) -> None:
        self._clients, self._group, self._topics, self._locate = clients, group, list(topics), locate
        self._new_epoch, self._options, self._instance = new_epoch, options, instance
        self._consumer: AIOKafkaConsumer | None = None
        self._assignor = EvenAssignor()
        self._closing: set[asyncio.Task[None]] = set()
        self._changes = 0
        self._assigned: list[Partition] | None = None
        self._epochs: dict[Partition, int] | None = None
        self._positions: dict[Partition, int] = {}
        self._fetched = FetchedRecords()
        self._unreported: dict[Partition, int] = {}
        self._reporting: asyncio.Task[None] | None = None
        self._unassigned_at = asyncio.get_running_loop().time()
        self._progress = ProgressWatch(options.watch_seconds, self._unassigned_at)

    async def poll(self, records_max: int, wait_seconds: float) -> list[Record]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_seconds
        while True:
            if self._consumer is None:
                await self.enter()
            if await self._settle() and (records := await self._take(records_max)):
                return records
            await self._watch()
            if (left := deadline - loop.time()) <= 0:
                return []
            await asyncio.sleep(min(left, IDLE_SECONDS))

    def assignment(self) -> Mapping[Partition, int]:
        return dict(self._epochs or {})

    async def rewind(self) -> None:
        self._positions.clear()
        self._fetched.clear()

    async def report(self, positions: Positions) -> None:
        self._unreported.update(positions)
        if self._reporting is None or self._reporting.done():
            self._reporting = asyncio.create_task(self._send_reports())

    async def enter(self) -> None:
        """Ask for a place in the group; the partitions come during ``poll``. Raises LogUnavailable."""
        consumer = consumer_of(self._clients.servers, self._group, self._instance, self._options, self._assignor)
        await self._clients.calls.start(consumer, consumer.stop)
        self._consumer = consumer
        self._forget()
        self._unassigned_at = asyncio.get_running_loop().time()
        consumer.subscribe(self._topics, listener=Listener(self, consumer))

    async def leave(self) -> None:
        """Hand the partitions over; when Kafka is down the session runs out instead."""
        if self._reporting is not None:
            await asyncio.wait([self._reporting], timeout=COMMIT_SECONDS_MAX)
            self._reporting.cancel()
        self._retire()
        if self._closing:
            await asyncio.wait(self._closing)

    def lost(self, consumer: AIOKafkaConsumer) -> None:
        """Told by the listener: a rebalance began."""
        if consumer is self._consumer:
            self._forget()
            self._unassigned_at = asyncio.get_running_loop().time()

    def gained(self, consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        """Told by the listener: a rebalance ended."""
        if consumer is self._consumer:
            self._forget()
            self._assigned = sorted(Partition(*tp) for tp in partitions)

    def _forget(self) -> None:
        self._changes += 1
        self._assigned = self._epochs = None
        self._positions.clear()
        self._fetched.clear()
        self._progress.forget()
        self._unreported.clear()

    async def _settle(self) -> bool:
        """Do what a new assignment or a rewind asks for; False while there is no assignment to go on with."""
        changes = self._changes
        if self._assigned is None or (self._epochs is None and not await self._accept(self._assigned)):
            return False
        if new := [p for p in self._assigned if p not in self._positions]:
            located = await self._locate(new)
            if changes == self._changes:
                self._seek({p: max(0, located.get(p, 0)) for p in new})
        return changes == self._changes

    async def _accept(self, assigned: Sequence[Partition]) -> bool:
        """Take an epoch for a new assignment; False when it is gone already.

        A commit that Kafka takes proves that our generation was the group's newest after the number was drawn: all
        later generations draw higher ones, so that epochs of a partition grow as its assignments do.
        """
        changes = self._changes
        if assigned:
            epoch = await self._new_epoch()
            located = await self._locate(assigned)
            positions = {p: max(0, located.get(p, 0)) for p in assigned}
            if changes != self._changes:
                return False
            if not await self._commit(positions):
                self._assigned = None if changes == self._changes else self._assigned  # another is on its way
                return False
            if changes != self._changes:
                return False
            self._seek(positions)
            self._epochs = dict.fromkeys(assigned, epoch)
        else:
            self._epochs = {}
        self._assignor.held = self._epochs
        return True

    def _seek(self, positions: Mapping[Partition, int]) -> None:
        assert self._consumer is not None
        for partition, offset in positions.items():
            self._consumer.seek(spot(partition), offset)
            self._positions[partition] = offset
            self._fetched.drop(partition)

    async def _commit(self, positions: Mapping[Partition, int]) -> bool:
        """Commit to Kafka; False when Kafka says that the group has moved on. Raises LogUnavailable."""
        assert self._consumer is not None
        try:
            with kafka_errors():
                commit = self._consumer.commit({spot(p): offset for p, offset in positions.items()})
                await self._clients.calls.once(commit, COMMIT_SECONDS_MAX)
        except LogUnavailable as error:
            if isinstance(error.__cause__, CommitFailedError | IllegalStateError):
                return False
            raise
        return True

    async def _send_reports(self) -> None:
        while self._epochs and self._unreported:
            positions = {p: offset for p, offset in self._unreported.items() if p in self._epochs}
            self._unreported.clear()
            try:
                if positions:
                    await self._commit(positions)
            except LogUnavailable as error:
                log.info("%s: what was read is not reported: %s", self._group, error)

    async def _take(self, records_max: int) -> list[Record]:
        if not self._fetched.partitions():
            await self._fetch()
        return self._fetched.take(self._positions, records_max, POLL_BYTES_MAX)

    async def _fetch(self) -> None:
        assert self._consumer is not None
        self._progress.fetched()
        try:
            found = await self._consumer.getmany()
        except OffsetOutOfRangeError as error:
            await self._outside(error.args[0])
            return
        except KafkaError as error:
            self._retire()
            raise LogUnavailable(f"the consumer failed and is replaced: {error!r}") from error
        self._fetched.fill(found)

    async def _outside(self, offsets: Mapping[TopicPartition, int]) -> None:
        """A reader that has read nothing yet starts at the first record that is kept (its ``gap`` tells of those
        before it); any other must not skip."""
        for tp, offset in offsets.items():
            partition = Partition(*tp)
            first = await self._clients.beginning(partition)
            if self._positions.get(partition) == offset == 0 < first and self._consumer is not None:
                self._consumer.seek(tp, first)
                continue
            self._positions.pop(partition, None)  # located again at the next poll
            raise PositionOutsideLog(f"{partition} is to be read from {offset}; its first record is {first}")

    async def _watch(self) -> None:
        """Replace a consumer that is alive and fetches nothing. Raises LogUnavailable when Kafka does not answer."""
        now = asyncio.get_running_loop().time()
        if self._assigned is None:
            if now - self._unassigned_at > UNASSIGNED_SESSIONS_MAX * self._options.session_seconds:
                log.warning("%s: no assignment for %.0f s; joining again", self._group, now - self._unassigned_at)
                self._retire()
        elif self._positions and self._progress.is_due(now):
            ends = await self._clients.ends(sorted(self._positions))
            if stuck := self._progress.stuck(now, self._positions, ends, self._fetched.partitions()):
                log.warning("%s: nothing comes from %s; joining again", self._group, stuck)
                self._retire()

    def _retire(self) -> None:
        """Part with the consumer; the next poll makes another."""
        consumer, self._consumer = self._consumer, None
        self._forget()
        if consumer is not None:
            task = self._clients.calls.run(end(consumer))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
