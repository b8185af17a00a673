"""The facts behind a value: of one subject over one window, as far as the caller sees."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import Connection
from services.kpi.domain.cells import Asked
from services.kpi.domain.definitions import Published
from services.kpi.domain.errors import BadQuestion, SubjectNotFound
from services.kpi.domain.fact_kinds import FactKind
from services.kpi.domain.periods import Window
from services.kpi.domain.sight import Sight
from services.kpi.domain.values import leaves
from services.kpi.handlers.in_force import standing
from services.kpi.handlers.questions import Question, asked_term, meanings
from services.kpi.store import measures, values
from services.kpi.store.measures import Behind as Behind
from services.kpi.store.measures import Cell


@dataclass(frozen=True, slots=True)
class Drill:
    """A part of a value, by its name (``value``, ``numerator``, ``sales_growth/prior`` ...), and the facts behind it.

    ``parts``: the names of all parts that the value has. ``window`` is the part's own, cut at the as-of day: that of
    growth's ``prior`` lies before. ``kind``: of which kind the facts are.
    """

    published: Published
    as_of: dt.datetime | None
    part: str
    parts: Sequence[str]
    kind: FactKind
    window: Window
    facts: Sequence[Behind]


async def read_facts(
    conn: Connection, key: str, part: str | None, asked: Question, sight: Sight, after: Sequence[str], limit: int
) -> Drill:
    """The facts behind one value, by day, object and entry; ``part`` None: its first.

    ``after``: day, object and entry of the last one seen. Raises KpiNotFound, SubjectNotFound, BadDefinition for a
    condition that fits no fact, and BadQuestion for a part that the value has not.
    """
    known, read_until = await standing(conn)
    (subject,), (window,) = asked.subjects or (), asked.windows
    (meant,) = meanings(known, key, [window])
    if not await values.subjects(conn, asked.kind, sight, [subject], "", 1):
        raise SubjectNotFound(f"no such {asked.kind}: {subject}")
    parts = {
        name: (measure, over) for name, measure, over in leaves(asked_term(meant.term, asked, known.custom), window)
    }
    if part is not None and part not in parts:
        raise BadQuestion(f"{key} has no part {part!r}, only {', '.join(parts)}")
    name = part or next(iter(parts))
    measure, over = parts[name]
    cell = Cell(measure, subject, over.cut(asked.as_of))
    found = await measures.facts_behind(conn, Asked(asked.kind, sight), cell, known.kept, after, limit)
    return Drill(meant.published, read_until, name, list(parts), measure.fields.kind, cell.window, found)
