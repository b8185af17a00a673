"""Killed at each point: whatever a process was in the middle of, nothing is lost, nothing counts twice (I1 to I8).

``make faults`` runs 20 seeds of each point, on both logs.
"""

from __future__ import annotations

import asyncio
from itertools import count
from random import Random

import pytest

from tests.faults.scenario import Run
from tests.faults.steps import POINTS
from tests.faults.wire import Trap

BATCHES = 6
PAUSE_SECONDS, QUIET_SECONDS = 0.05, 1.0
SPRUNG_SECONDS = 60.0


@pytest.mark.parametrize("point", POINTS)
async def test_nothing_is_lost_and_nothing_counts_twice(running: Run, point: str) -> None:
    random = Random(f"{point} {running.seed}")
    victims, step = POINTS[point]
    name = random.choice(victims)
    nth = random.randint(1, 3)
    print(f"{name} is killed at {point}, the {nth}. time; seed {running.seed}")
    trap = running.cluster.kill_at(name, step, nth)
    sending = asyncio.create_task(send_until(running, trap))
    await asyncio.wait_for(trap.sprung.wait(), SPRUNG_SECONDS)
    await running.cluster.rise(name)
    await sending
    assert await running.checker.check() == []


async def send_until(running: Run, trap: Trap) -> None:
    """Send BATCHES, and more until the trap springs: a busy machine takes several batches in one step."""
    for number in count(1):
        await running.client.send_all(running.take(1), PAUSE_SECONDS)
        if number >= BATCHES and (trap.sprung.is_set() or await sprung_within(trap, QUIET_SECONDS)):
            return


async def sprung_within(trap: Trap, seconds: float) -> bool:
    """Wait so long for it at most."""
    await asyncio.wait([asyncio.create_task(trap.sprung.wait())], timeout=seconds)
    return trap.sprung.is_set()
