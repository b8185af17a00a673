"""Who reads what, as Kafka itself says it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment

Members = Mapping[str, frozenset[int]]
"""The partitions of one topic by the member that has them."""
LOOK_EVERY_SECONDS = 0.2


async def members(kafka: str, group: str, topic: str) -> Members:
    """The members of a group; empty while it is rebalancing."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        [answer] = await admin.describe_consumer_groups([group])
        _, _, state, _, _, described = answer.groups[0][:6]
    finally:
        await admin.close()
    return {m[0]: _partitions(m[4], topic) for m in described} if state == "Stable" else {}


def _partitions(assignment: bytes, topic: str) -> frozenset[int]:
    if not assignment:
        return frozenset()
    decoded = ConsumerProtocolMemberAssignment.decode(assignment)
    return frozenset(p.partition for p in decoded.partitions() if p.topic == topic)


async def settled(
    kafka: str, group: str, topic: str, like: Callable[[Members], bool], seconds_max: float
) -> tuple[Members, float]:
    """Wait until the group is as it is to be; how it is then, and how many seconds that took."""
    clock = asyncio.get_running_loop().time
    began, seen = clock(), {}
    while clock() < began + seconds_max:
        if like(seen := await members(kafka, group, topic)):
            return seen, clock() - began
        await asyncio.sleep(LOOK_EVERY_SECONDS)
    raise AssertionError(f"after {seconds_max} s the members of {group} are {seen}")
