"""What is measured every so often rather than counted: lag, outboxes, pools, the event loop, progress.

Whoever has something to measure registers a probe while it runs; ``measure`` asks them all, and only runs while
somebody collects metrics. A probe that fails leaves its last word standing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from chassis import progress
from chassis.clock import SystemClock
from chassis.db import pools
from chassis.metric_names import EVENT_LOOP_DELAY, POOL_CONNECTIONS, POOL_CONNECTIONS_MAX, PROGRESS_AGE

log = logging.getLogger(__name__)

EVERY_SECONDS = 10.0
PROBE_SECONDS_MAX = 20.0
TICK_SECONDS = 0.25

Probe = Callable[[], Awaitable[None]]


@dataclass
class _Registered:
    probe: Probe
    every_seconds: float
    asked_at: float = field(default=-1e9)


_probes: list[_Registered] = []


@contextmanager
def watching(probe: Probe, every_seconds: float = EVERY_SECONDS) -> Iterator[None]:
    """Ask this probe every so often while the context is open."""
    registered = _Registered(probe, every_seconds)
    _probes.append(registered)
    try:
        yield
    finally:
        _probes.remove(registered)


async def measure() -> None:
    """Measure until cancelled."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_feel_the_loop())
        group.create_task(_ask())


async def _feel_the_loop() -> None:
    clock = SystemClock()
    while True:
        due = clock.monotonic() + TICK_SECONDS
        await asyncio.sleep(TICK_SECONDS)
        EVENT_LOOP_DELAY.record(max(0.0, clock.monotonic() - due))


async def _ask() -> None:
    clock = SystemClock()
    while True:
        for loop, age in progress.ages().items():
            PROGRESS_AGE.set(age, loop)
        _look_at_pools()
        for registered in list(_probes):
            if clock.monotonic() - registered.asked_at >= registered.every_seconds:
                registered.asked_at = clock.monotonic()
                await _one(registered.probe)
        await asyncio.sleep(EVERY_SECONDS / 10)


def _look_at_pools() -> None:
    for name, (size, idle, most) in pools().items():
        POOL_CONNECTIONS.set(size - idle, name, "used")
        POOL_CONNECTIONS.set(idle, name, "idle")
        POOL_CONNECTIONS_MAX.set(most, name)


async def _one(probe: Probe) -> None:
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            await probe()
    except Exception as error:
        log.info("not measured: %s", type(error).__name__)
