"""Two workers of a service share its partitions; when one is killed the other takes its part, and nothing is lost."""

from __future__ import annotations

import asyncio

import pytest

from chassis import db
from chassis.kafka_consumer import GroupOptions
from contracts.topics import CRM_SALES
from tests.cluster.conftest import Story
from tests.cluster.groups import Members, members, settled

READERS = ("kpi", "incentive")
BEGINNING_ORDERS, MORE_ORDERS = 2500, 1200
HANDED_OVER_SECONDS_MAX = GroupOptions().session_seconds + 10.0
"""The session, in which a member may be silent, and a rebalance."""


def shared_by(count: int):
    """All partitions belong to so many members, who have some each."""

    def like(found: Members) -> bool:
        parts = list(found.values())
        return len(parts) == count and all(parts) and sum(map(len, parts)) == CRM_SALES.partitions

    return like


async def positions(story: Story, service: str) -> dict[int, int]:
    """How far a service has read, by partition."""
    async with db.single(story.cluster.layout.schemas.admin_dsn, service) as conn:
        rows = await conn.fetch("select partition, next_offset from position where topic = $1", CRM_SALES.name)
    return {row["partition"]: row["next_offset"] for row in rows}


async def test_both_workers_of_each_service_take_their_part(story: Story) -> None:
    kafka = story.cluster.layout.kafka
    before = {
        group: (await settled(kafka, group, CRM_SALES.name, shared_by(2), HANDED_OVER_SECONDS_MAX))[0]
        for group in READERS
    }
    await story.begin(BEGINNING_ORDERS)
    await story.driver.caught_up()
    for group in READERS:
        assert await members(kafka, group, CRM_SALES.name) == before[group], "nothing moved, so each did its own part"
        read = await positions(story, group)
        for partitions in before[group].values():
            assert sum(read[p] for p in partitions) > BEGINNING_ORDERS / 10


@pytest.mark.parametrize("killed", [("kpi-worker-1", "incentive-worker-2"), ("kpi-worker-2", "incentive-worker-1")])
async def test_a_killed_workers_partitions_move_to_the_other(story: Story, killed: tuple[str, str]) -> None:
    kafka, supervisor = story.cluster.layout.kafka, story.cluster.supervisor
    await story.begin(BEGINNING_ORDERS)
    importing = asyncio.create_task(story.go_on(MORE_ORDERS))
    await asyncio.sleep(0.5)
    await supervisor.kill(*killed)
    moves = [settled(kafka, group, CRM_SALES.name, shared_by(1), HANDED_OVER_SECONDS_MAX) for group in READERS]
    await asyncio.gather(importing, *moves)
    await story.driver.caught_up()  # with one worker each
    await supervisor.start(*killed)
    for group in READERS:
        await settled(kafka, group, CRM_SALES.name, shared_by(2), HANDED_OVER_SECONDS_MAX)
