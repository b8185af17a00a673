"""The only place that reads time or draws randomness; everything else takes a Clock as a parameter."""

from __future__ import annotations

import asyncio
import datetime as dt
import random
import secrets
import time
from typing import Protocol


class Clock(Protocol):
    """Time and ids, so that a test can drive both."""

    def now(self) -> dt.datetime:
        """The current instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for timeouts."""
        ...

    def new_id(self) -> str:
        """A fresh id of 26 or more characters that sorts roughly by time."""
        ...


class SystemClock:
    """The machine's own time, and random ids from the operating system."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def new_id(self) -> str:
        return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def stamp_ns() -> int:
    """Nanoseconds since 1970 on the machine's clock: for telemetry only, which no decision reads."""
    return time.time_ns()


def random_hex(digits: int) -> str:
    """Hex digits for the ids of spans: quick, and no secret."""
    return f"{random.getrandbits(4 * digits):0{digits}x}"


async def pause(seconds: float, stop: asyncio.Event) -> None:
    """Wait, but no longer than until ``stop`` is set."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return
