"""Where kept spans wait: a bounded queue and a thread of its own, so that a dead collector slows nothing."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence

from chassis.clock import SystemClock
from chassis.metric_names import TELEMETRY_DROPPED
from chassis.span import Span

log = logging.getLogger(__name__)

WAITING_SPANS_MAX = 4096
BATCH_SPANS_MAX = 512
EVERY_SECONDS = 1.0
WARN_SECONDS_MIN = 60.0
"""A collector that is down is told of at most so often."""

Write = Callable[[Sequence[Span]], None]
Tick = Callable[[], None]


class Sampling:
    """Which traces that begin here are kept whole: a share of them, and at most so many a second."""

    def __init__(self, ratio: float = 1.0, per_second_max: int = 0) -> None:
        self._below = int(ratio * (1 << 56))
        self._per_second_max, self._second, self._count = per_second_max, 0, 0
        self._clock = SystemClock()

    def samples(self, trace_id: str) -> bool:
        """The same answer for the same trace id everywhere, apart from the limit (0: none) of this process."""
        if int(trace_id[-14:], 16) >= self._below:
            return False
        if not self._per_second_max:
            return True
        second = int(self._clock.monotonic())
        if second != self._second:
            self._second, self._count = second, 0
        self._count += 1
        return self._count <= self._per_second_max


class Outlet:
    """Writes spans in the background (chassis.telemetry.Keeper). What does not fit into the queue is dropped, counted.

    ``write`` and ``tick`` (called each turn) run in the thread; what they raise is logged.
    """

    def __init__(
        self, write: Write, sampling: Sampling, tick: Tick | None = None, every_seconds: float = EVERY_SECONDS
    ) -> None:
        self._write, self._tick, self._every_seconds = write, tick, every_seconds
        self.samples = sampling.samples
        self._waiting: deque[Span] = deque()
        self._wake = threading.Event()
        self._ending = False
        self._warned_at = -WARN_SECONDS_MIN
        self._clock = SystemClock()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def keep(self, span: Span) -> None:
        """Take a span; never waits."""
        if len(self._waiting) >= WAITING_SPANS_MAX:
            TELEMETRY_DROPPED.add(1)
            return
        self._waiting.append(span)
        if len(self._waiting) >= BATCH_SPANS_MAX:
            self._wake.set()

    def close(self, seconds_max: float) -> None:
        """Write what waits, for no longer than this; what is left then is lost."""
        self._ending = True
        self._wake.set()
        self._thread.join(seconds_max)

    def _run(self) -> None:
        while not self._ending:
            self._wake.wait(self._every_seconds)
            self._wake.clear()
            self._turn()
        self._turn()

    def _turn(self) -> None:
        while batch := [self._waiting.popleft() for _ in range(min(len(self._waiting), BATCH_SPANS_MAX))]:
            self._guarded(lambda: self._write(batch))
        if self._tick is not None:
            self._guarded(self._tick)

    def _guarded(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            if self._clock.monotonic() - self._warned_at >= WARN_SECONDS_MIN:
                self._warned_at = self._clock.monotonic()
                log.warning("telemetry is not written: %s", type(error).__name__)
