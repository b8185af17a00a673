"""When each background loop last ended a turn: a loop that does not turn is stuck, whatever else still answers."""

from __future__ import annotations

from chassis.clock import SystemClock

STUCK_SECONDS = 300.0
"""Longer than any turn may take (a database that is down or silent ends one much sooner, so it never counts)."""

_clock = SystemClock()
_beats: dict[str, float] = {}


def beat(loop: str) -> None:
    """A loop begins a turn. Waiting for a part that is down is turning, too."""
    _beats[loop] = _clock.monotonic()


def ended(loop: str) -> None:
    """A loop was told to stop, and did."""
    _beats.pop(loop, None)


def ages() -> dict[str, float]:
    """Seconds since each running loop last began a turn."""
    now = _clock.monotonic()
    return {loop: now - since for loop, since in _beats.items()}


def stuck(seconds_max: float = STUCK_SECONDS) -> list[str]:
    """The loops that have not turned for so long; empty = this process is alive."""
    return sorted(loop for loop, age in ages().items() if age > seconds_max)
