"""What one measurement gives, and what a stage is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from benchmarks.place import Place

Role = Literal["merit", "ceiling", "peer"]
Told = Mapping[str, float | int | str | bool]
MICRO = 1e6


@dataclass(frozen=True)
class Sample:
    """One run of one case: ``events`` in ``seconds``, and the CPU seconds that each process took meanwhile.

    ``told``: what else was seen, its unit last in its name. ``kind``: a case is beside the ceilings of its kind.
    """

    case: str
    role: Role
    events: int
    seconds: float
    cpu: Mapping[str, float] = field(default_factory=dict)
    told: Told = field(default_factory=dict)
    kind: str = ""

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_each(self) -> dict[str, float]:
        """Microseconds of CPU per event by process; less noisy than the rate where others use the machine too."""
        return {part: seconds / self.events * MICRO for part, seconds in self.cpu.items()}


@dataclass(frozen=True)
class Goal:
    """``ours`` is to be at least ``times`` the fastest of ``theirs``, by median rate."""

    text: str
    ours: str
    theirs: Sequence[str]
    times: float

    @property
    def wanted(self) -> str:
        return f"at least {self.times:g} ×"

    def met(self, seen: float) -> bool:
        return seen >= self.times

    def seen(self, samples: Sequence[Sample]) -> float | None:
        """How many times the fastest of theirs ours is; None when one side was not measured."""
        rates = rates_of(samples)
        theirs = [median(rates[name]) for name in self.theirs if name in rates]
        return median(rates[self.ours]) / max(theirs) if theirs and self.ours in rates else None


@dataclass(frozen=True)
class Limit:
    """The median of ``told[what]`` of the case is to be at most ``most``."""

    text: str
    case: str
    what: str
    most: float

    @property
    def wanted(self) -> str:
        return f"at most {self.most:g}"

    def met(self, seen: float) -> bool:
        return seen <= self.most

    def seen(self, samples: Sequence[Sample]) -> float | None:
        """What was seen; None when it was not measured."""
        seen = [float(s.told[self.what]) for s in samples if s.case == self.case and self.what in s.told]
        return median(seen) if seen else None


@dataclass(frozen=True)
class Stage:
    """A stage of the path of an event. ``run`` measures each of its cases once, back to back."""

    name: str
    title: str
    run: Callable[[Place], AsyncIterator[Sample]]
    goals: Sequence[Goal | Limit] = ()


def rates_of(samples: Sequence[Sample]) -> dict[str, list[float]]:
    """The rates of each case, one per round."""
    rates: dict[str, list[float]] = {}
    for sample in samples:
        rates.setdefault(sample.case, []).append(sample.rate)
    return rates
