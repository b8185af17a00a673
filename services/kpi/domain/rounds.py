"""How a round of announcing is cut, so that what is in memory does not grow with what waits or with the definitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from typing import TypeVar

T = TypeVar("T", bound=Sized)


def steps(waiting: Iterable[Sequence[int]], enough: int) -> Iterator[list[int]]:
    """The marks of each transaction: ``enough``, or more, as those of one subject (``waiting``) are never apart."""
    ids: list[int] = []
    for some in waiting:
        ids += some
        if len(ids) >= enough:
            yield ids
            ids = []
    if ids:
        yield ids


def portions(places: Mapping[str, T], most: int) -> Iterator[dict[str, T]]:
    """The KPIs whose places are computed together, in order of their keys: ``most`` places, or one KPI with more."""
    some: dict[str, T] = {}
    room = most
    for key in sorted(places):
        if some and len(places[key]) > room:
            yield some
            some, room = {}, most
        some[key] = places[key]
        room -= len(places[key])
    if some:
        yield some
