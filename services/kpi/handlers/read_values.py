"""KPIs' values over windows, for the subjects that the caller may see, and the facts behind a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis.db import Connection
from services.kpi.domain.cells import Asked
from services.kpi.domain.definitions import Published
from services.kpi.domain.errors import BadQuestion, KpiNotFound, SubjectNotFound
from services.kpi.domain.meaning import InForce, Kept
from services.kpi.domain.measures import Term
from services.kpi.domain.periods import Window
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.values import Value, leaves, readings, value_of
from services.kpi.handlers.in_force import in_force
from services.kpi.store import measures, values
from services.kpi.store.measures import Behind, Cell

Pair = tuple[str, Window]
"""A subject and a window."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which subjects of a kind (None = all in sight), over which windows; each ends at the as-of day."""

    kind: str
    subjects: Sequence[str] | None
    windows: Sequence[Window]
    as_of: dt.date


@dataclass(frozen=True, slots=True)
class Answer:
    """One value. ``facts`` stood behind it; 0 means that nothing happened in the window."""

    subject: str
    window: Window
    value: Value
    facts: int


@dataclass(frozen=True, slots=True)
class Page:
    """Values in order of subject and window; ``next_cursor`` continues behind the last subject."""

    published: Published
    as_of: dt.datetime | None
    answers: Sequence[Answer]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Drill:
    """A part of a value, by its name (``value``, ``numerator``, ``sales_growth/prior`` ...), and the facts behind it.

    ``parts``: the names of all parts that the value has.
    """

    part: str
    parts: Sequence[str]
    facts: Sequence[Behind]


async def read_values(conn: Connection, key: str, asked: Question, sight: Sight, after: str, limit: int) -> Page:
    """Answer a question. Raises KpiNotFound; SubjectNotFound for a subject that is none or not the caller's to see.

    Without asked-for subjects, those without a fact in any of the windows are left out.
    """
    known = await in_force(conn)
    if key not in known.terms:
        raise KpiNotFound(f"no KPI {key!r} is published")
    in_sight = await values.subjects(conn, asked.kind, sight, asked.subjects, after, limit + 1)
    if asked.subjects is not None and not after and set(asked.subjects) - set(in_sight) and len(in_sight) <= limit:
        raise SubjectNotFound(f"no such {asked.kind}: {min(set(asked.subjects) - set(in_sight))}")
    subjects = in_sight[:limit]
    pairs = [(s, w) for s in subjects for w in asked.windows]
    answers = await value(conn, known, key, asked.kind, pairs, asked.as_of, sight)
    alive = {a.subject for a in answers if a.facts} if asked.subjects is None else set(subjects)
    shown = [a for a in answers if a.subject in alive]
    next_cursor = subjects[-1] if len(in_sight) > limit else None
    return Page(known.published[key], await values.as_of(conn), shown, next_cursor)


async def value(
    conn: Connection,
    known: InForce,
    key: str,
    kind: str,
    pairs: Sequence[Pair],
    as_of: dt.date,
    sight: Sight = ALL,
) -> list[Answer]:
    """A published KPI over (subject, window) pairs, in their order: what reads and attainment share."""
    asked = {key: [(known.terms[key], pair) for pair in pairs]}
    return (await compute(conn, known.kept, Asked(kind, sight), asked, as_of))[key]


async def compute(
    conn: Connection, kept: Kept, asked: Asked, wanted: Mapping[str, Sequence[tuple[Term, Pair]]], as_of: dt.date
) -> dict[str, list[Answer]]:
    """Values of several KPIs at once, by a name for each: announcements, reads and previews come from here.

    What a term stands on is read from where it is ``kept``; of a draft nothing need be.
    """
    cells = {
        (name, n): [Cell(m, pair[0], w) for m, w in readings(term, pair[1], as_of)]
        for name, some in wanted.items()
        for n, (term, pair) in enumerate(some)
    }
    numbers = await measures.read(conn, asked, (c for some in cells.values() for c in some), kept)

    def answer(name: str, n: int, term: Term, pair: Pair) -> Answer:
        subject, window = pair
        found = value_of(term, window, as_of, lambda m, w: numbers[Cell(m, subject, w)].value)
        return Answer(subject, window, found, sum(numbers[cell].facts for cell in cells[name, n]))

    return {name: [answer(name, n, *one) for n, one in enumerate(some)] for name, some in wanted.items()}


async def facts_behind(
    conn: Connection,
    key: str,
    part: str | None,
    asked: Question,
    sight: Sight,
    after: Sequence[str],
    limit: int,
) -> Drill:
    """The facts behind one value: of one subject over one window. ``part`` None: its first.

    ``after``: day, object and entry of the last one seen. Raises KpiNotFound, SubjectNotFound, and BadQuestion for a
    part that the value has not.
    """
    known = await in_force(conn)
    if key not in known.terms:
        raise KpiNotFound(f"no KPI {key!r} is published")
    (subject,), (window,) = asked.subjects or (), asked.windows
    if not await values.subjects(conn, asked.kind, sight, [subject], "", 1):
        raise SubjectNotFound(f"no such {asked.kind}: {subject}")
    parts = {name: (measure, over) for name, measure, over in leaves(known.terms[key], window)}
    if part is not None and part not in parts:
        raise BadQuestion(f"{key} has no part {part!r}, only {', '.join(parts)}")
    name = part or next(iter(parts))
    measure, over = parts[name]
    cell = Cell(measure, subject, over.cut(asked.as_of))
    found = await measures.facts_behind(conn, Asked(asked.kind, sight), cell, known.kept, after, limit)
    return Drill(name, list(parts), found)
