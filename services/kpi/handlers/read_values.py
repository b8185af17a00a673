"""KPIs' values over windows, for the subjects that the caller may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from chassis.db import Connection
from services.kpi.domain.cells import Asked
from services.kpi.domain.conditions import Condition
from services.kpi.domain.definitions import Compare, Published
from services.kpi.domain.errors import SubjectNotFound
from services.kpi.domain.meaning import InForce
from services.kpi.domain.measures import Term, measures_of
from services.kpi.domain.narrowing import check_split, narrowed
from services.kpi.domain.periods import Window, preceding, year_before
from services.kpi.domain.sight import ALL, Sight
from services.kpi.handlers.compute import Answer, Pair, compute, compute_grouped
from services.kpi.handlers.in_force import in_force
from services.kpi.store import quality, values


@dataclass(frozen=True, slots=True)
class Question:
    """Which subjects of a kind (None = all in sight), over which windows; each ends at the as-of day.

    ``by``: fields of the facts to split the values up by; ``where`` narrows them to some of the facts; ``compare``:
    beside each value that of the period before, or of the year before.
    """

    kind: str
    subjects: Sequence[str] | None
    windows: Sequence[Window]
    as_of: dt.date
    by: tuple[str, ...] = ()
    where: Condition | None = None
    compare: Compare | None = None
    completeness: bool = False


@dataclass(frozen=True, slots=True)
class Completeness:
    """What may still change the answer.

    ``running``: a window has days that have not ended yet. ``waiting``: objects of the KPI's kinds that wait for what
    they begin with; ``unresolved``: their facts in the windows that credit someone unknown. Both are of everyone, and
    None for who sees only a part.
    """

    running: bool
    waiting: int | None
    unresolved: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Values in order of subject and window; ``next_cursor`` continues behind the last subject."""

    published: Published
    as_of: dt.datetime | None
    answers: Sequence[Answer]
    next_cursor: str | None
    completeness: Completeness | None


async def read_values(conn: Connection, key: str, asked: Question, sight: Sight, after: str, limit: int) -> Page:
    """Answer a question. Raises KpiNotFound; SubjectNotFound for a subject that is none or not the caller's to see.

    Without asked-for subjects, those without a fact in any of the windows are left out.
    """
    known = await in_force(conn)
    published = known.version_of(key)
    subjects, next_cursor = await subjects_in_sight(conn, asked, sight, after, limit)
    pairs = [(s, w) for s in subjects for w in asked.windows]
    answers = await compared(conn, known, key, asked, pairs, sight)
    alive = {a.subject for a in answers if a.facts} if asked.subjects is None else set(subjects)
    shown = [a for a in answers if a.subject in alive]
    complete = await _completeness(conn, known.terms[key], asked, sight) if asked.completeness else None
    return Page(published, await values.as_of(conn), shown, next_cursor, complete)


async def subjects_in_sight(
    conn: Connection, asked: Question, sight: Sight, after: str, limit: int
) -> tuple[list[str], str | None]:
    """The subjects that a question is of, behind ``after``, and where the next page begins. Raises SubjectNotFound."""
    found = await values.subjects(conn, asked.kind, sight, asked.subjects, after, limit + 1)
    if asked.subjects is not None and not after and set(asked.subjects) - set(found) and len(found) <= limit:
        raise SubjectNotFound(f"no such {asked.kind}: {min(set(asked.subjects) - set(found))}")
    return found[:limit], found[limit - 1] if len(found) > limit else None


async def _completeness(conn: Connection, term: Term, asked: Question, sight: Sight) -> Completeness:
    since, until = min(w.start for w in asked.windows), max(w.end for w in asked.windows)
    running = until > asked.as_of
    if not sight.everything:
        return Completeness(running, None, None)
    families = {m.family for m in measures_of(term)}
    return Completeness(
        running, await quality.waiting(conn, families), await quality.unresolved(conn, families, since, until)
    )


def asked_term(known: InForce, key: str, asked: Question) -> Term:
    """What the KPI means here: of only those facts that the question picks. Raises BadDefinition."""
    return known.terms[key] if asked.where is None else narrowed(known.terms[key], asked.where, known.custom)


async def compared(
    conn: Connection, known: InForce, key: str, asked: Question, pairs: Sequence[Pair], sight: Sight
) -> list[Answer]:
    """The answers, beside each what it is compared with, if asked so; what is compared with is never cut."""
    term = asked_term(known, key, asked)
    check_split(term, asked.by, known.custom)
    here = Asked(asked.kind, sight, asked.by)
    answers = await _split(conn, known, here, term, pairs, asked.as_of)
    if asked.compare is None:
        return answers
    back = preceding if asked.compare == "previous_period" else year_before
    windows = {window: back(window) for window in asked.windows}
    before = await _split(conn, known, here, term, [(s, windows[w]) for s, w in pairs], asked.as_of)
    found = {(a.subject, a.window, a.group): a.value for a in before}
    return [replace(a, before=found.get((a.subject, windows[a.window], a.group))) for a in answers]


async def _split(
    conn: Connection, known: InForce, asked: Asked, term: Term, pairs: Sequence[Pair], as_of: dt.date
) -> list[Answer]:
    if asked.by:
        return await compute_grouped(conn, known.kept, asked, term, pairs, as_of)
    wanted = {"": [(term, pair) for pair in pairs]}
    return (await compute(conn, known.kept, asked, wanted, as_of))[""]


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
    return await _split(conn, known, Asked(kind, sight), known.terms[key], pairs, as_of)
