"""The CPU seconds and the memory of processes, as Linux counts them; elsewhere they are 0."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
MIB = 2**20
TIMES = slice(11, 15)
"""Of /proc/PID/stat behind the command: user and system time, and the same of children that have ended."""


def cpu_seconds(pid: int) -> float:
    """Of a process, of its children, and of those children that have ended already; user and system together.

    Of this process alone: its children are what it measures.
    """
    if pid == os.getpid():
        return time.process_time()
    return sum(_ticks(one) for one in _tree(pid)) / TICKS_PER_SECOND


def resident_mib(pid: int) -> float:
    """The memory that a process has in use."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_BYTES / MIB
    except OSError:
        return 0.0


def _ticks(pid: int) -> int:
    try:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[TIMES]))
    except OSError:
        return 0


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = task.read_text().split()
        except OSError:
            continue
        for child in children:
            yield from _tree(int(child))


class Stopwatch:
    """Measures from when it is made until ``stop``: wall time, and the CPU time of the processes by name."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._pids = pids
        self._before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        self._since = time.perf_counter()

    def stop(self) -> tuple[float, dict[str, float]]:
        """Seconds, and CPU seconds by process."""
        took = time.perf_counter() - self._since
        return took, {name: cpu_seconds(pid) - self._before[name] for name, pid in self._pids.items()}


def pace_ms() -> int:
    """Milliseconds for a fixed piece of Python: what slows the machine shows here, not in the load average."""
    began = time.perf_counter()
    sum(i * i for i in range(3_000_000))
    return round((time.perf_counter() - began) * 1000)
