"""How much may be open in the quarantine: beyond it nothing more is taken that would have to be kept there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Load:
    """Open entries, and the bytes of their events."""

    entries: int = 0
    bytes: int = 0

    def __add__(self, other: Load) -> Load:
        return Load(self.entries + other.entries, self.bytes + other.bytes)

    def within(self, limit: Load) -> bool:
        """Whether this is no more than a limit in either way."""
        return self.entries <= limit.entries and self.bytes <= limit.bytes


@dataclass(frozen=True, slots=True)
class Room:
    """The limits: of each source, so that a broken one leaves room for the others, and of all together."""

    per_source: Load
    together: Load


ROOM = Room(per_source=Load(20_000, 256 * 1024 * 1024), together=Load(100_000, 1024 * 1024 * 1024))


def crowded(room: Room, loads: Mapping[str, Load], more: Iterable[tuple[str, int]]) -> set[str]:
    """The sources for whose further events, given as (source, bytes), there is no room."""
    wanted: dict[str, Load] = {}
    for source, size in more:
        wanted[source] = wanted.get(source, Load()) + Load(1, size)
    everything = sum((*loads.values(), *wanted.values()), Load())
    if not everything.within(room.together):
        return set(wanted)
    return {source for source, load in wanted.items() if not (loads.get(source, Load()) + load).within(room.per_source)}
