"""What a member has fetched and not handed out yet."""

from __future__ import annotations

from collections import deque
from collections.abc import KeysView, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from chassis.bus import Partition, Record
from chassis.kafka_clients import record_of


class FetchedRecords:
    """Hands out in order per partition; each partition comes first in turn, so that a full one starves no other."""

    def __init__(self) -> None:
        self._waiting: dict[Partition, deque[ConsumerRecord]] = {}
        self._turn = 0

    def partitions(self) -> KeysView[Partition]:
        """Those of which something is there."""
        return self._waiting.keys()

    def fill(self, found: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        """Take in what the consumer fetched; what was there before is handed out already."""
        self._waiting = {Partition(*tp): deque(records) for tp, records in found.items()}

    def drop(self, partition: Partition) -> None:
        """Its position is another now."""
        self._waiting.pop(partition, None)

    def clear(self) -> None:
        """All positions are others now."""
        self._waiting.clear()

    def take(self, positions: dict[Partition, int], records_max: int, bytes_max: int) -> list[Record]:
        """The next records; moves ``positions`` behind them. May end with the record that exceeds ``bytes_max``."""
        self._turn += 1
        partitions = sorted(self._waiting)
        first = self._turn % len(partitions) if partitions else 0
        taken: list[Record] = []
        size = 0
        for partition in partitions[first:] + partitions[:first]:
            waiting, position = self._waiting[partition], positions[partition]
            while waiting and len(taken) < records_max and size < bytes_max:
                found = waiting.popleft()
                taken.append(record_of(partition, found, found.offset - position))
                position = found.offset + 1
                size += max(0, found.serialized_key_size) + max(0, found.serialized_value_size)
            positions[partition] = position
            if not waiting:
                del self._waiting[partition]
        return taken
