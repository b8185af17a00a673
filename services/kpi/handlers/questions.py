"""What is asked of values: what a KPI means over windows, and its values there, beside what they are compared with."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from chassis.db import Connection
from services.kpi.domain.cells import Asked
from services.kpi.domain.conditions import Condition
from services.kpi.domain.definitions import Compare, Published
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.faults import faults
from services.kpi.domain.meaning import InForce
from services.kpi.domain.measures import Term
from services.kpi.domain.narrowing import check_split, narrowed
from services.kpi.domain.periods import Window, preceding, to_same_day, year_before
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers.compute import Answer, Pair, Work, compute, compute_grouped, in_order, of_nothing
from services.kpi.store import measures
from services.kpi.store.measures import Group
from services.kpi.store.sums import Numbers


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
class Meant:
    """What a KPI means over some windows, and the version that says so."""

    published: Published
    term: Term
    windows: frozenset[Window]


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


def asked_term(whole: Term, asked: Question, custom: Mapping[str, FieldType]) -> Term:
    """What a KPI means here: of only those facts that the question picks. Raises BadDefinition."""
    return whole if asked.where is None else narrowed(whole, asked.where, custom)


class Comparing:
    """Values that are not split up, each beside what it is compared with, if asked so: what must be read for them, and
    what they are then. What is compared with is measured by the same version, and whole unless asked to date."""

    def __init__(self, known: Timeline, meant: Sequence[Meant], asked: Question, pairs: Sequence[Pair]) -> None:
        terms: dict[Window, Term] = {}
        for one in meant:
            terms |= dict.fromkeys(one.windows, asked_term(one.term, asked, known.custom))
        wanted = {"now": [(terms[pair[1]], pair) for pair in pairs]}
        if asked.compare:
            before = _before(asked)
            wanted["before"] = [(terms[window], (subject, before[window])) for subject, window in pairs]
        self._work = Work(wanted, asked.as_of)
        self.needed = self._work.needed

    def answers(self, numbers: Numbers) -> list[Answer]:
        """The values in order of their pairs."""
        found = self._work.answers(numbers)
        if "before" not in found:
            return found["now"]
        return [replace(now, before=then.value) for now, then in zip(found["now"], found["before"], strict=True)]


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
    if not asked.by:
        work = Comparing(known, meant, asked, pairs)
        return work.answers(await measures.read(conn, Asked(asked.kind, sight), work.needed, known.kept))
    found: dict[Pair, list[Answer]] = {}
    for one in meant:
        mine = [pair for pair in pairs if pair[1] in one.windows]
        for answer in await _split(conn, known, one.term, asked, mine, sight):
            found.setdefault((answer.subject, answer.window), []).append(answer)
    return [answer for pair in pairs for answer in found.get(pair, ())]


async def _split(
    conn: Connection, known: Timeline, whole: Term, asked: Question, pairs: Sequence[Pair], sight: Sight
) -> list[Answer]:
    """Split up by fields. A group that has facts in one of the two windows only is nothing in the other."""
    term = asked_term(whole, asked, known.custom)
    check_split(term, asked.by, known.custom)
    here = Asked(asked.kind, sight, asked.by)
    answers = await compute_grouped(conn, known.kept, here, term, pairs, asked.as_of)
    if asked.compare is None:
        return answers
    windows = _before(asked)
    before = await compute_grouped(conn, known.kept, here, term, [(s, windows[w]) for s, w in pairs], asked.as_of)
    now, then, found = _by_group(answers), _by_group(before), list[Answer]()
    for subject, window in pairs:
        pair, back = (subject, window), (subject, windows[window])
        for group in sorted({*now[pair], *then[back]}, key=in_order):
            answer = now[pair].get(group) or of_nothing(term, pair, asked.as_of, group)
            prior = then[back].get(group) or of_nothing(term, back, asked.as_of, group)
            found.append(replace(answer, before=prior.value))
    return found


def _before(asked: Question) -> dict[Window, Window]:
    """What each window is compared with; to date, only as much of it as is over of the window itself."""
    other = preceding if asked.compare == "previous_period" else year_before
    before = {window: other(window) for window in asked.windows}
    return {w: to_same_day(b, w, asked.as_of) for w, b in before.items()} if asked.to_date else before


def _by_group(answers: Iterable[Answer]) -> defaultdict[Pair, dict[Group, Answer]]:
    found: defaultdict[Pair, dict[Group, Answer]] = defaultdict(dict)
    for answer in answers:
        found[answer.subject, answer.window][answer.group] = answer
    return found


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
    wanted = {key: [(known.of(pair[1]).terms[key], pair) for pair in pairs]}
    return (await compute(conn, known.kept, Asked(kind, sight), wanted, as_of))[key]
