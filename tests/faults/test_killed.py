"""Killed at each point: whatever a process was in the middle of, nothing is lost, nothing counts twice (I1 to I8).

``make faults`` runs 20 seeds of each point, on both logs.
"""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.faults.scenario import Run
from tests.faults.steps import POINTS

BATCHES = 6
PAUSE_SECONDS = 0.05
SPRUNG_SECONDS = 60.0


@pytest.mark.parametrize("point", POINTS)
async def test_nothing_is_lost_and_nothing_counts_twice(running: Run, point: str) -> None:
    random = Random(f"{point} {running.seed}")
    victims, step = POINTS[point]
    name = random.choice(victims)
    nth = random.randint(1, 3)
    print(f"{name} is killed at {point}, the {nth}. time; seed {running.seed}")
    trap = running.cluster.kill_at(name, step, nth)
    sending = asyncio.create_task(running.client.send_all(running.take(BATCHES), PAUSE_SECONDS))
    await asyncio.wait_for(trap.sprung.wait(), SPRUNG_SECONDS)
    await running.cluster.rise(name)
    await sending
    assert await running.checker.check() == []
