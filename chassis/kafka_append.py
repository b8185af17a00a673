"""Appending to Kafka: concurrent calls share batches, and a Kafka that is away is told at once.

The producer is idempotent and waits for all replicas. aiokafka then retries a batch for ever, and so keeps the order
of a key even over an outage; the caller is told LogUnavailable long before, and sends again.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from chassis.bus import At, LogUnavailable, Outgoing, Partition
from chassis.kafka_calls import REQUEST_MS_MAX, Calls, kafka_errors

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 0.5
"""A call that is not through by then makes us ask whether anybody is there."""
END_SECONDS_MAX = 3.0
PRODUCER_BATCH_BYTES = 1_000_000
ROUND_BYTES_MAX = 8_000_000
"""What is handed to the producer at once; a single call may be larger, and then goes alone."""
WAITING_BYTES_MAX = 64_000_000
"""What may wait in this process to be appended; beyond it append answers LogUnavailable at once."""


@dataclass(frozen=True)
class AppendOptions:
    """A call that is not through after ``delivery_seconds`` is told LogUnavailable, even if Kafka answers other
    questions; what is not through ``stuck_seconds`` later, while Kafka answers, is given up with its producer."""

    delivery_seconds: float = 10.0
    stuck_seconds: float = 30.0


@dataclass(eq=False)
class _Call:
    """One call's records with their partitions' numbers, and where its caller waits for their places."""

    topic: str
    records: Sequence[tuple[int, Outgoing]]
    size: int
    since: float
    done: asyncio.Future[list[At]]
    places: dict[int, At] = field(default_factory=dict)

    def placed(self, index: int, at: At) -> None:
        self.places[index] = at
        if len(self.places) == len(self.records) and not self.done.done():
            self.done.set_result([self.places[i] for i in range(len(self.records))])

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(LogUnavailable(why))


_Item = tuple[_Call, int, Outgoing]


class KafkaAppender:
    """The appends of one process. ``probe`` raises LogUnavailable when Kafka does not answer a small question."""

    def __init__(
        self, servers: str, calls: Calls, probe: Callable[[], Awaitable[None]], options: AppendOptions
    ) -> None:
        self._servers, self._calls, self._probe, self._options = servers, calls, probe, options
        self._queue: deque[_Call] = deque()
        self._queue_bytes = 0
        self._pending: set[_Call] = set()
        self._sent: dict[asyncio.Future[object], list[_Item]] = {}
        self._blocked = False
        self._answered_since: float | None = None
        self._producer: AIOKafkaProducer | None = None
        self._spoilt = False
        self._drain_task: asyncio.Task[None] | None = None
        self._watch_task: asyncio.Task[None] | None = None

    async def append(self, topic: str, records: Sequence[tuple[int, Outgoing]]) -> list[At]:
        """Append (partition number, record) pairs. Raises LogUnavailable, at once while earlier ones are overdue."""
        if not records:
            return []
        if self._blocked:
            raise LogUnavailable("Kafka does not take records: earlier ones are not through yet")
        size = sum(len(r.key) + len(r.value) for _, r in records)
        if self._queue and self._queue_bytes + size > WAITING_BYTES_MAX:
            raise LogUnavailable("too much waits to be appended already")
        loop = asyncio.get_running_loop()
        call = _Call(topic, records, size, loop.time(), loop.create_future())
        self._queue.append(call)
        self._queue_bytes += size
        self._pending.add(call)
        call.done.add_done_callback(lambda _: self._pending.discard(call))
        if self._drain_task is None or self._drain_task.done():
            self._drain_task = asyncio.create_task(self._drain())
        if self._watch_task is None or self._watch_task.done():
            self._watch_task = asyncio.create_task(self._watch())
        return await call.done

    async def close(self) -> None:
        """Wait until what was handed in is through (or told unavailable), and disconnect."""
        if self._pending:
            await asyncio.wait([call.done for call in self._pending])
        for task in (self._drain_task, self._watch_task):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        await self._drop_producer("the log is being closed")

    async def _drain(self) -> None:
        while self._queue:
            calls = [call for call in self._next_round() if not call.done.done()]
            try:
                with kafka_errors():
                    await self._hand_over(await self._connected(), calls)
            except LogUnavailable as error:
                _fail(calls, str(error))
            except BaseException:
                _fail(calls, "the log is being closed")
                raise

    def _next_round(self) -> list[_Call]:
        calls = [self._queue.popleft()]
        size = calls[0].size
        while self._queue and size + self._queue[0].size <= ROUND_BYTES_MAX:
            size += self._queue[0].size
            calls.append(self._queue.popleft())
        self._queue_bytes -= size
        return calls

    async def _hand_over(self, producer: AIOKafkaProducer, calls: Sequence[_Call]) -> None:
        """Give the records to the producer; waits only for room behind earlier batches of the same partition."""
        shares: dict[tuple[str, int], list[_Item]] = {}
        for call in calls:
            for index, (number, record) in enumerate(call.records):
                shares.setdefault((call.topic, number), []).append((call, index, record))
        await asyncio.gather(*(self._submit(producer, Partition(*key), items) for key, items in shares.items()))

    async def _submit(self, producer: AIOKafkaProducer, partition: Partition, items: Sequence[_Item]) -> None:
        batch, held = producer.create_batch(), list[_Item]()
        for item in items:
            record = item[2]
            told = {"timestamp": None, "key": record.key, "value": record.value, "headers": list(record.headers)}
            if batch.append(**told) is None:  # full
                await self._send(producer, partition, batch, held)
                batch, held = producer.create_batch(), []
                batch.append(**told)
            held.append(item)
        await self._send(producer, partition, batch, held)

    async def _send(self, producer: AIOKafkaProducer, partition: Partition, batch: object, items: list[_Item]) -> None:
        future = await producer.send_batch(batch, partition.topic, partition=partition.number)
        self._sent[future] = items
        future.add_done_callback(partial(self._arrived, partition))

    def _arrived(self, partition: Partition, future: asyncio.Future[object]) -> None:
        error = future.exception()
        if (items := self._sent.pop(future, None)) is None:
            return  # given up before
        if not self._sent:
            self._blocked = False
        first = getattr(future.result(), "offset", -1) if error is None else -1
        if first >= 0:
            for place, (call, index, _) in enumerate(items):
                call.placed(index, At(partition, first + place))
            return
        # what failed leaves a hole in the producer's sequence: everything after it would be refused
        self._spoilt = self._spoilt or error is not None
        log.warning("%s: records are not through: %r", partition, error or "their place is unknown")
        _fail([call for call, _, _ in items], f"Kafka did not take the records: {error!r}")

    async def _watch(self) -> None:
        """Notice that Kafka is away while somebody waits; look for its return while it is."""
        loop = asyncio.get_running_loop()
        while self._pending or self._sent:
            await asyncio.sleep(PATIENCE_SECONDS / 2)
            now = loop.time()
            waiting = max((now - call.since for call in self._pending), default=0.0)
            if waiting < PATIENCE_SECONDS and not self._blocked:
                continue
            try:
                await self._probe()
            except LogUnavailable as error:
                self._block(str(error))
                continue
            if waiting > self._options.delivery_seconds:
                self._block(f"Kafka did not take the records within {self._options.delivery_seconds} s")
            self._answered_since = self._answered_since or now
            if self._blocked and now - self._answered_since > self._options.stuck_seconds:
                await self._drop_producer("Kafka answers, but does not take the records")

    def _block(self, why: str) -> None:
        if not self._blocked and self._sent:
            log.warning("appending is suspended: %s", why)
            self._blocked = True
        self._answered_since = None
        self._queue.clear()
        self._queue_bytes = 0
        _fail(self._pending, why)

    async def _connected(self) -> AIOKafkaProducer:
        if self._spoilt:
            await self._drop_producer("an earlier record was not taken")
        if self._producer is None:
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers,
                enable_idempotence=True,
                acks="all",
                max_batch_size=PRODUCER_BATCH_BYTES,
                request_timeout_ms=REQUEST_MS_MAX,
            )
            await self._calls.start(producer, producer.stop)
            self._producer = producer
        return self._producer

    async def _drop_producer(self, why: str) -> None:
        """Part with the producer and with what it holds; the next append makes another."""
        producer, self._producer, self._spoilt, self._blocked = self._producer, None, False, False
        sent, self._sent = self._sent, {}
        _fail([call for items in sent.values() for call, _, _ in items], why)
        if producer is not None:
            await _end(producer, in_order=not sent)


async def _end(producer: AIOKafkaProducer, *, in_order: bool) -> None:
    """Close it. Its own ``stop`` waits for what it holds, for ever if need be: then its parts are ended instead."""
    if in_order:
        await producer.stop()
        return
    producer._closed = True
    with suppress(KafkaError, TimeoutError):
        async with asyncio.timeout(END_SECONDS_MAX):
            await producer._sender.close()
    await producer.client.close()


def _fail(calls: Sequence[_Call] | set[_Call], why: str) -> None:
    for call in list(calls):
        call.fail(why)
