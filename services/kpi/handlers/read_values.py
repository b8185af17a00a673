"""KPIs' values over windows, for the subjects that the caller may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from chassis.db import Connection, Database
from chassis.patience import within
from services.kpi.domain.cells import Asked
from services.kpi.domain.definitions import Published
from services.kpi.domain.errors import KpiRefusal, SubjectNotFound
from services.kpi.domain.measures import Term, measures_of
from services.kpi.domain.periods import Window
from services.kpi.domain.sight import Sight
from services.kpi.handlers import versions
from services.kpi.handlers.compute import Answer
from services.kpi.handlers.in_force import assumed, standing
from services.kpi.handlers.questions import Comparing, Meant, Question, compared, meanings
from services.kpi.store import quality, values
from services.kpi.store.looks import look
from services.kpi.store.measures import planned

SECONDS_MAX = 10
"""What is not kept is read from facts, and no such question may keep the database busy for longer."""


@dataclass(frozen=True, slots=True)
class Completeness:
    """What may still change the answer.

    ``running``: a window has days that have not ended yet. ``waiting``: objects of the KPI's kinds that wait for what
    they begin with; ``unresolved``: their facts in the windows that credit someone unknown; ``no_rate``: objects whose
    money counts nowhere, as its currency has no rate on its day. Each is of everyone, and None for who sees a part.
    """

    running: bool
    waiting: int | None
    unresolved: int | None
    no_rate: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """Values in order of subject and window; ``next_cursor`` continues behind the last subject.

    ``measured_by``: the version that each window is measured by; ``published``: that of the last one.
    """

    published: Published
    measured_by: Mapping[Window, Published]
    as_of: dt.datetime | None
    answers: Sequence[Answer]
    next_cursor: str | None
    completeness: Completeness | None


async def read_values(
    database: Database, key: str, asked: Question, sight: Sight, after: str, limit: int, version: int | None = None
) -> Page:
    """Answer a question out of one snapshot: by a single statement where that can be, else in a transaction.

    Raises what ``in_transaction`` does.
    """
    if version is None:
        async with database.connection() as conn:
            if (page := await at_once(conn, key, asked, sight, after, limit)) is not None:
                return page
    async with database.transaction("repeatable_read", readonly=True) as conn:
        return await in_transaction(conn, key, asked, sight, after, limit, version)


async def at_once(conn: Connection, key: str, asked: Question, sight: Sight, after: str, limit: int) -> Page | None:
    """The answer by one statement that sums what is kept; it is assumed that what held at the last look still holds,
    and that all who are asked for are in sight (of a page another statement tells beforehand who that is).

    The statement tells what holds and who is in sight. None where that is not what was assumed, and where the question
    needs more.
    """
    if asked.by or asked.where or asked.completeness or (last := assumed()) is None:
        return None
    fingerprint, known = last
    if asked.subjects is None:
        subjects = await values.subjects(conn, asked.kind, sight, None, after, limit + 1)
    else:
        subjects = sorted(s for s in set(asked.subjects) if s > after)
    try:
        meant = meanings(known, key, asked.windows)
        work = Comparing(known, meant, asked, [(s, w) for s in subjects[:limit] for w in asked.windows])
    except KpiRefusal:  # it may be about what no longer holds
        return None
    sums, facts = planned(Asked(asked.kind, sight), work.needed, known.kept)
    if facts:
        return None
    found = await look(conn, asked.kind, sight, asked.subjects, after, limit + 1, sums)
    if (found.fingerprint, found.subjects) != (fingerprint, subjects[: limit + 1]):
        return None
    return _page(meant, asked, subjects, limit, work.answers(sums.numbers(found.rows)), found.as_of)


async def in_transaction(
    conn: Connection, key: str, asked: Question, sight: Sight, after: str, limit: int, version: int | None = None
) -> Page:
    """Answer any question. Raises KpiNotFound; SubjectNotFound for a subject that is none or not the caller's to see.

    Each window is measured by the version that holds on its last day, or by the one that is asked for (VersionNotFound;
    TooSlow, as nothing may be kept of it). Without asked-for subjects, those without a fact in any of the windows are
    left out.
    """
    known, as_of = await standing(conn)
    instead = (await versions.one(conn, key, version)).published if version is not None else None
    meant = meanings(known, key, asked.windows, instead)
    subjects = await subjects_in_sight(conn, asked, sight, after, limit)
    pairs = [(s, w) for s in subjects[:limit] for w in asked.windows]
    async with within(SECONDS_MAX) if version is not None else nullcontext():
        answers = await compared(conn, known, meant, asked, pairs, sight)
    complete = await _completeness(conn, [m.term for m in meant], asked, sight) if asked.completeness else None
    return _page(meant, asked, subjects, limit, answers, as_of, complete)


def _page(
    meant: Sequence[Meant],
    asked: Question,
    subjects: Sequence[str],
    limit: int,
    answers: Sequence[Answer],
    as_of: dt.datetime | None,
    completeness: Completeness | None = None,
) -> Page:
    alive = {a.subject for a in answers if a.facts} if asked.subjects is None else set(subjects)
    measured_by = {window: m.published for m in meant for window in m.windows}
    return Page(
        measured_by[asked.windows[-1]],
        measured_by,
        as_of,
        [a for a in answers if a.subject in alive],
        next_cursor(subjects, limit),
        completeness,
    )


async def subjects_in_sight(conn: Connection, asked: Question, sight: Sight, after: str, limit: int) -> list[str]:
    """The subjects that a question is of, behind ``after``: one more than ``limit`` where there are more. Raises
    SubjectNotFound."""
    found = await values.subjects(conn, asked.kind, sight, asked.subjects, after, limit + 1)
    if asked.subjects is not None and not after and set(asked.subjects) - set(found) and len(found) <= limit:
        raise SubjectNotFound(f"no such {asked.kind}: {min(set(asked.subjects) - set(found))}")
    return found


def next_cursor(subjects: Sequence[str], limit: int) -> str | None:
    """Where the next page begins, if there is one."""
    return subjects[limit - 1] if len(subjects) > limit else None


async def _completeness(conn: Connection, terms: Sequence[Term], asked: Question, sight: Sight) -> Completeness:
    since, until = min(w.start for w in asked.windows), max(w.end for w in asked.windows)
    running = until > asked.as_of
    if not sight.everything:
        return Completeness(running, None, None, None)
    families = {m.family for term in terms for m in measures_of(term)}
    return Completeness(
        running,
        await quality.waiting(conn, families),
        await quality.unresolved(conn, families, since, until),
        await quality.no_rate(conn, families),
    )
