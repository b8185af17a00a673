"""Noticing a consumer that is alive and gets nothing, though there is something to get."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from chassis.bus import Partition

FETCHES_BETWEEN_LOOKS_MIN = 3


class ProgressWatch:
    """Compares two looks, ``seconds`` apart or more, with some fetches in between. Times are monotonic seconds."""

    def __init__(self, seconds: float, now: float) -> None:
        self._seconds, self._looked_at = seconds, now
        self._fetches = 0
        self._behind: dict[Partition, int] = {}

    def fetched(self) -> None:
        """The consumer was asked for what it has fetched."""
        self._fetches += 1

    def forget(self) -> None:
        """There is a new assignment: what was seen before says nothing."""
        self._behind.clear()

    def is_due(self, now: float) -> bool:
        """Whether it is time for the next look. A reader that was busy, and did not fetch, proves nothing."""
        return now - self._looked_at >= self._seconds and self._fetches >= FETCHES_BETWEEN_LOOKS_MIN

    def stuck(
        self, now: float, positions: Mapping[Partition, int], ends: Mapping[Partition, int], held: Collection[Partition]
    ) -> list[Partition]:
        """Look. The partitions that were behind their end at the last look, too, and stand where they stood; those of
        which something is ``held`` for the next polls are not meant."""
        behind = {p: at for p, at in positions.items() if ends.get(p, at) > at and p not in held}
        found = [p for p, at in behind.items() if self._behind.get(p) == at]
        self._looked_at, self._fetches, self._behind = now, 0, behind
        return found
