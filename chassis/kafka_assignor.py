"""How a group's leader shares the partitions out on Kafka: as the embedded log does (chassis.shares)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata

from chassis.bus import Partition
from chassis.shares import share

VERSION = 0
_claims = msgspec.json.Decoder(list[tuple[str, int, int]])


class EvenAssignor:
    """One member's assignor. aiokafka's own sticky one keeps its state on the class, for all members of a process."""

    name = "merit-even"

    def __init__(self) -> None:
        self.held: Mapping[Partition, int] = {}
        """What this member has, or had last, each with the epoch: it goes along when the member joins."""

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        claims = [(p.topic, p.number, epoch) for p, epoch in self.held.items()]
        return ConsumerProtocolMemberMetadata(VERSION, sorted(topics), msgspec.json.encode(claims))

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Called at the group's leader. Of two that claim a partition the later epoch has it."""
        reads = {member: frozenset(told.subscription) for member, told in members.items()}
        topics = {
            Partition(topic, number): topic
            for topic in sorted(frozenset().union(*reads.values()))
            for number in sorted(cluster.partitions_for_topic(topic) or ())
        }
        shared = share(topics, reads, _holders(members))
        return {member: _assignment(p for p, reader in shared.items() if reader == member) for member in members}

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """The member takes note when it has its epoch (chassis.kafka_group)."""


def _holders(members: Mapping[str, ConsumerProtocolMemberMetadata]) -> dict[Partition, str | None]:
    claims = sorted(
        (epoch, member, Partition(topic, number))
        for member, told in members.items()
        for topic, number, epoch in _claims.decode(told.user_data or b"[]")
    )
    return {partition: member for _, member, partition in claims}


def _assignment(partitions: Iterable[Partition]) -> ConsumerProtocolMemberAssignment:
    by_topic: dict[str, list[int]] = {}
    for partition in partitions:
        by_topic.setdefault(partition.topic, []).append(partition.number)
    return ConsumerProtocolMemberAssignment(VERSION, sorted(by_topic.items()), b"")
