"""KPIs' values over windows, for the subjects that the caller may see."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from msgspec.structs import replace

from chassis.db import Connection
from chassis.patience import within
from services.kpi.domain.cells import Asked
from services.kpi.domain.conditions import Condition
from services.kpi.domain.definitions import Compare, Published
from services.kpi.domain.errors import BadQuestion, SubjectNotFound
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.faults import faults
from services.kpi.domain.meaning import InForce
from services.kpi.domain.measures import Term, measures_of
from services.kpi.domain.narrowing import check_split, narrowed
from services.kpi.domain.periods import Window, preceding, to_same_day, year_before
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers import versions
from services.kpi.handlers.compute import Answer, Pair, compute, compute_grouped, in_order, of_nothing
from services.kpi.handlers.in_force import standing
from services.kpi.store import quality, values
from services.kpi.store.measures import Group

SECONDS_MAX = 10
"""What is not kept is read from facts, and no such question may keep the database busy for longer."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which subjects of a kind (None = all in sight), over which windows; each ends at the as-of day.

    ``by``: fields of the facts to split the values up by; ``where`` narrows them to some of the facts; ``compare``:
    beside each value that of the period before, or of the year before; ``to_date``: until the same day of it only.
    """

    kind: str
    subjects: Sequence[str] | None
    windows: Sequence[Window]
    as_of: dt.date
    by: tuple[str, ...] = ()
    where: Condition | None = None
    compare: Compare | None = None
    completeness: bool = False
    to_date: bool = False


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
class Meant:
    """What a KPI means over some windows, and the version that says so."""

    published: Published
    term: Term
    windows: frozenset[Window]


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
    conn: Connection, key: str, asked: Question, sight: Sight, after: str, limit: int, version: int | None = None
) -> Page:
    """Answer a question. Raises KpiNotFound; SubjectNotFound for a subject that is none or not the caller's to see.

    Each window is measured by the version that holds on its last day, or by the one that is asked for (VersionNotFound;
    TooSlow, as nothing may be kept of it). Without asked-for subjects, those without a fact in any of the windows are
    left out.
    """
    known, read_until = await standing(conn)
    instead = (await versions.one(conn, key, version)).published if version is not None else None
    meant = meanings(known, key, asked.windows, instead)
    subjects, next_cursor = await subjects_in_sight(conn, asked, sight, after, limit)
    pairs = [(s, w) for s in subjects for w in asked.windows]
    async with within(SECONDS_MAX) if version is not None else nullcontext():
        answers = await compared(conn, known, meant, asked, pairs, sight)
    alive = {a.subject for a in answers if a.facts} if asked.subjects is None else set(subjects)
    shown = [a for a in answers if a.subject in alive]
    complete = await _completeness(conn, [m.term for m in meant], asked, sight) if asked.completeness else None
    measured_by = {window: m.published for m in meant for window in m.windows}
    last = measured_by[asked.windows[-1]]
    return Page(last, measured_by, read_until, shown, next_cursor, complete)


def meanings(known: Timeline, key: str, windows: Sequence[Window], instead: Published | None = None) -> list[Meant]:
    """What a key means over windows, those together that are measured alike; ``instead`` of what holds. Raises
    KpiNotFound, BadQuestion."""
    found = []
    for part in known.parts:
        if mine := [window for window in windows if part.measures(window)]:
            holding = part.known if instead is None else _beside(part.known, instead)
            found.append(Meant(holding.version_of(key), holding.terms[key], frozenset(mine)))
    return found


def _beside(known: InForce, asked: Published) -> InForce:
    """What holds on a day, with this version of one key. Raises BadQuestion where it cannot stand beside the others."""
    beside = known.having(asked)
    for fault in faults(asked.definition, beside.catalogue):
        raise BadQuestion(f"version {asked.version} of {asked.definition.key} cannot be read: {fault.detail}")
    return beside


async def subjects_in_sight(
    conn: Connection, asked: Question, sight: Sight, after: str, limit: int
) -> tuple[list[str], str | None]:
    """The subjects that a question is of, behind ``after``, and where the next page begins. Raises SubjectNotFound."""
    found = await values.subjects(conn, asked.kind, sight, asked.subjects, after, limit + 1)
    if asked.subjects is not None and not after and set(asked.subjects) - set(found) and len(found) <= limit:
        raise SubjectNotFound(f"no such {asked.kind}: {min(set(asked.subjects) - set(found))}")
    return found[:limit], found[limit - 1] if len(found) > limit else None


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


def asked_term(whole: Term, asked: Question, custom: Mapping[str, FieldType]) -> Term:
    """What a KPI means here: of only those facts that the question picks. Raises BadDefinition."""
    return whole if asked.where is None else narrowed(whole, asked.where, custom)


async def compared(
    conn: Connection,
    known: Timeline,
    meant: Sequence[Meant],
    asked: Question,
    pairs: Sequence[Pair],
    sight: Sight,
) -> list[Answer]:
    """The answers in order of their pairs, beside each what it is compared with, if asked so.

    ``meant``: what the windows are measured by (``meanings``).
    """
    found: dict[Pair, list[Answer]] = {}
    for one in meant:
        mine = [pair for pair in pairs if pair[1] in one.windows]
        for answer in await _compared(conn, known, one.term, asked, mine, sight):
            found.setdefault((answer.subject, answer.window), []).append(answer)
    return [answer for pair in pairs for answer in found.get(pair, ())]


async def _compared(
    conn: Connection, known: Timeline, whole: Term, asked: Question, pairs: Sequence[Pair], sight: Sight
) -> list[Answer]:
    """What is compared with is measured by the same version, and is whole unless the question is to date.

    A group that has facts in one of the two windows only is nothing in the other.
    """
    term = asked_term(whole, asked, known.custom)
    check_split(term, asked.by, known.custom)
    here = Asked(asked.kind, sight, asked.by)
    answers = await _split(conn, known, here, term, pairs, asked.as_of)
    if asked.compare is None:
        return answers
    windows = {window: _before(window, asked.compare, asked.as_of if asked.to_date else None) for _, window in pairs}
    before = await _split(conn, known, here, term, [(s, windows[w]) for s, w in pairs], asked.as_of)
    now, then, found = _by_group(answers), _by_group(before), list[Answer]()
    for subject, window in pairs:
        pair, back = (subject, window), (subject, windows[window])
        for group in sorted({*now[pair], *then[back]}, key=in_order):
            answer = now[pair].get(group) or of_nothing(term, pair, asked.as_of, group)
            prior = then[back].get(group) or of_nothing(term, back, asked.as_of, group)
            found.append(replace(answer, before=prior.value))
    return found


def _before(window: Window, compare: Compare, day: dt.date | None) -> Window:
    """``day``: only as much of it as is over of the window at the end of that day."""
    before = preceding(window) if compare == "previous_period" else year_before(window)
    return before if day is None else to_same_day(before, window, day)


def _by_group(answers: Iterable[Answer]) -> defaultdict[Pair, dict[Group, Answer]]:
    found: defaultdict[Pair, dict[Group, Answer]] = defaultdict(dict)
    for answer in answers:
        found[answer.subject, answer.window][answer.group] = answer
    return found


async def _split(
    conn: Connection, known: Timeline, asked: Asked, term: Term, pairs: Sequence[Pair], as_of: dt.date
) -> list[Answer]:
    if asked.by:
        return await compute_grouped(conn, known.kept, asked, term, pairs, as_of)
    wanted = {"": [(term, pair) for pair in pairs]}
    return (await compute(conn, known.kept, asked, wanted, as_of))[""]


async def value(
    conn: Connection,
    known: Timeline,
    key: str,
    kind: str,
    pairs: Sequence[Pair],
    as_of: dt.date,
    sight: Sight = ALL,
) -> list[Answer]:
    """A published KPI over (subject, window) pairs, in their order, each measured by what holds on its last day."""
    found: dict[Pair, Answer] = {}
    for part in known.parts:
        if mine := [pair for pair in pairs if part.measures(pair[1])]:
            answers = await _split(conn, known, Asked(kind, sight), part.known.terms[key], mine, as_of)
            found |= zip(mine, answers, strict=True)
    return [found[pair] for pair in pairs]
