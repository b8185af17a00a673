"""One aiokafka consumer in a group: how it is set, what it tells, how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from chassis.kafka_assignor import EvenAssignor
from chassis.kafka_clients import CLOSE_SECONDS_MAX

log = logging.getLogger(__name__)

HEARTBEATS_PER_SESSION = 10
POLL_GAP_SECONDS_MAX = 300.0
"""A member that has not polled for so long is stuck: it leaves the group."""
POLL_BYTES_MAX = 16_000_000
PARTITION_FETCH_BYTES_MAX = 2_000_000
FETCH_WAIT_MS = 200


@dataclass(frozen=True)
class GroupOptions:
    """A silent member loses its place after ``session_seconds``. ``watch_seconds``: a partition that is behind, and
    from which nothing came between two looks this far apart, is stuck."""

    session_seconds: float = 10.0
    watch_seconds: float = 5.0


class Notes(Protocol):
    """Who hears of rebalances."""

    def lost(self, consumer: AIOKafkaConsumer) -> None:
        """A rebalance began."""

    def gained(self, consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        """A rebalance ended."""


def consumer_of(
    servers: str, group: str, instance: str | None, options: GroupOptions, assignor: EvenAssignor
) -> AIOKafkaConsumer:
    """A consumer that is not started yet. It commits nothing by itself, and never chooses where to begin."""
    session_ms = int(options.session_seconds * 1000)
    return AIOKafkaConsumer(
        bootstrap_servers=servers,
        group_id=group,
        group_instance_id=instance,
        enable_auto_commit=False,
        auto_offset_reset="none",
        session_timeout_ms=session_ms,
        heartbeat_interval_ms=session_ms // HEARTBEATS_PER_SESSION,
        max_poll_interval_ms=int(POLL_GAP_SECONDS_MAX * 1000),
        request_timeout_ms=session_ms * 2 + 10_000,  # a join may wait for all others
        fetch_max_wait_ms=FETCH_WAIT_MS,
        fetch_max_bytes=POLL_BYTES_MAX,
        max_partition_fetch_bytes=PARTITION_FETCH_BYTES_MAX,
        partition_assignment_strategy=(assignor,),
    )


class Listener:
    """Passes on what aiokafka tells, and never more: what a listener raises is swallowed."""

    def __init__(self, notes: Notes, consumer: AIOKafkaConsumer) -> None:
        self._notes, self._consumer = notes, consumer

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._notes.lost(self._consumer)

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._notes.gained(self._consumer, assigned)


ConsumerRebalanceListener.register(Listener)


async def end(consumer: AIOKafkaConsumer) -> None:
    """Leave the group and disconnect; by force when that takes too long, or else a ghost would stay a member."""
    try:
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            await consumer.stop()
    except (KafkaError, TimeoutError) as error:
        log.warning("the consumer did not stop in good order: %r", error)
        tasks = [consumer._coordinator._coordination_task, consumer._coordinator._heartbeat_task]
        for task in filter(None, tasks):
            task.cancel()
        await asyncio.gather(*filter(None, tasks), return_exceptions=True)
        await consumer._fetcher.close()
        await consumer._client.close()
