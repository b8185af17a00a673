"""A KPI's values over windows, for the subjects that the caller may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chassis.db import Connection
from services.kpi.domain.definitions import Definition, Published, measures
from services.kpi.domain.errors import KpiNotFound, SubjectNotFound
from services.kpi.domain.periods import Window, preceding
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.values import Value, value_of
from services.kpi.store import definitions, values
from services.kpi.store.values import Cell


@dataclass(frozen=True, slots=True)
class Question:
    """Which subjects of a kind (None = all in sight), over which windows."""

    kind: str
    subjects: Sequence[str] | None
    windows: Sequence[Window]


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


async def read_values(conn: Connection, key: str, asked: Question, sight: Sight, after: str, limit: int) -> Page:
    """Answer a question. Raises KpiNotFound; SubjectNotFound for a subject that is none or not the caller's to see.

    Without asked-for subjects, those without a fact in any of the windows are left out.
    """
    known = await definitions.in_force(conn)
    if key not in known:
        raise KpiNotFound(f"no KPI {key!r} is published")
    in_sight = await values.subjects(conn, asked.kind, sight, asked.subjects, after, limit + 1)
    if asked.subjects is not None and not after and set(asked.subjects) - set(in_sight) and len(in_sight) <= limit:
        raise SubjectNotFound(f"no such {asked.kind}: {min(set(asked.subjects) - set(in_sight))}")
    subjects = in_sight[:limit]
    pairs = [(s, w) for s in subjects for w in asked.windows]
    catalogue = {k: p.definition for k, p in known.items()}
    answers = await compute(conn, known[key].definition, catalogue, asked.kind, pairs, sight)
    alive = {a.subject for a in answers if a.facts} if asked.subjects is None else set(subjects)
    shown = [a for a in answers if a.subject in alive]
    return Page(known[key], await values.as_of(conn), shown, subjects[-1] if len(in_sight) > limit else None)


async def compute(
    conn: Connection,
    definition: Definition,
    catalogue: Mapping[str, Definition],
    kind: str,
    pairs: Sequence[tuple[str, Window]],
    sight: Sight = ALL,
) -> list[Answer]:
    """The values of (subject, window) pairs, in their order: what the live reads, announcements and targets share."""
    parts = measures(definition, catalogue)
    current = [await values.read_measure(conn, m, kind, [_cell(s, w) for s, w in pairs], sight) for m in parts]
    prior: list[list[tuple[Decimal, int]]] = []
    if definition.kind == "growth":
        before = [_cell(s, preceding(w)) for s, w in pairs]
        prior = [await values.read_measure(conn, m, kind, before, sight) for m in parts]
    return [
        Answer(
            subject,
            window,
            value_of(definition, [c[i][0] for c in current], [p[i][0] for p in prior]),
            sum(x[i][1] for x in (*current, *prior)),
        )
        for i, (subject, window) in enumerate(pairs)
    ]


def _cell(subject: str, window: Window) -> Cell:
    return Cell(subject, window.start, window.end)
