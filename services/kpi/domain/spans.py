"""Who counts for whom, and when: the dated memberships of the directory spread into spans without overlap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from contracts.directory import Person

FOREVER_FROM, FOREVER_TO = dt.date.min, dt.date.max
_KIND = {"team": "team", "territory": "rep_territory"}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Facts of ``person_id`` whose order's day is in ``[valid_from, valid_to)`` count for the subject."""

    kind: str
    subject: str
    person_id: str
    valid_from: dt.date
    valid_to: dt.date


def spans(people: Iterable[Person]) -> set[Span]:
    """Every span of a directory. A manager has everyone below, at any depth, as dated, and the manager's own facts.

    Spans of one (kind, subject, person) never overlap: nobody counts twice, however many paths lead there.
    """
    known = {p.person_id: p for p in people}
    found: dict[tuple[str, str, str], list[tuple[dt.date, dt.date]]] = {}
    for person_id, person in known.items():
        found[("rep", person_id, person_id)] = [(FOREVER_FROM, FOREVER_TO)]
        for m in person.memberships:
            if m.kind in _KIND:
                found.setdefault((_KIND[m.kind], m.of, person_id), []).append((m.valid_from, m.valid_to or FOREVER_TO))
        for manager, start, end in _above(person_id, FOREVER_FROM, FOREVER_TO, known, frozenset()):
            found.setdefault(("manager", manager, person_id), []).append((start, end))
            found[("manager", manager, manager)] = [(FOREVER_FROM, FOREVER_TO)]
    return {Span(*key, start, end) for key, ranges in found.items() for start, end in _merged(ranges)}


def _above(
    person_id: str, start: dt.date, end: dt.date, known: Mapping[str, Person], path: frozenset[str]
) -> Iterator[tuple[str, dt.date, dt.date]]:
    for m in known[person_id].memberships if person_id in known else ():
        since, until = max(start, m.valid_from), min(end, m.valid_to or FOREVER_TO)
        if m.kind == "manager" and since < until and m.of not in path and m.of != person_id:
            yield m.of, since, until
            yield from _above(m.of, since, until, known, path | {person_id})


def _merged(ranges: Iterable[tuple[dt.date, dt.date]]) -> list[tuple[dt.date, dt.date]]:
    merged: list[tuple[dt.date, dt.date]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
