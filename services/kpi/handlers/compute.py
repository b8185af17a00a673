"""Values of KPIs from the numbers of their measures, whole or split up by fields of their facts."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping, Sequence
from decimal import Decimal

from msgspec import Struct

from chassis.db import Connection
from services.kpi.domain.cells import Asked
from services.kpi.domain.errors import BadQuestion
from services.kpi.domain.meaning import Kept
from services.kpi.domain.measures import Measure, Term
from services.kpi.domain.periods import Window
from services.kpi.domain.values import Value, readings, value_of
from services.kpi.store import measures
from services.kpi.store.measures import Cell, Group
from services.kpi.store.sums import Column, Number, Numbers

Pair = tuple[str, Window]
"""A subject and a window."""
GROUPS_MAX = 20_000
"""Values in one answer; more must be asked for in smaller parts."""


_NONE: Mapping[str, Number] = {}


class Answer(Struct, frozen=True, gc=False):
    """One value. ``facts`` stood behind it; 0 means that nothing happened in the window.

    ``group``: the values of the fields that it was split up by. ``before``: what it is compared with.
    """

    subject: str
    window: Window
    value: Value
    facts: int
    group: Group = ()
    before: Value | None = None


class Work:
    """Values of several KPIs at once, by a name for each: what must be read for them, and what they are then.

    ``needed``: measures over windows, and of whom.
    """

    def __init__(self, wanted: Mapping[str, Sequence[tuple[Term, Pair]]], as_of: dt.date) -> None:
        self._wanted, self._as_of = wanted, as_of
        subjects: dict[tuple[int, Window], list[str]] = defaultdict(list)
        terms = {id(term): term for some in wanted.values() for term, _ in some}
        for some in wanted.values():
            for term, (subject, window) in some:
                subjects[id(term), window].append(subject)
        self._columns = {(term, window): list(readings(terms[term], window, as_of)) for term, window in subjects}
        self.needed: dict[Column, set[str]] = defaultdict(set)
        for over, some_columns in self._columns.items():
            for column in some_columns:
                self.needed[column].update(subjects[over])

    def answers(self, numbers: Numbers) -> dict[str, list[Answer]]:
        """The values out of the numbers that were needed."""
        return {
            name: [_answer(term, pair, self._as_of, self._columns[id(term), pair[1]], numbers) for term, pair in some]
            for name, some in self._wanted.items()
        }


async def compute(
    conn: Connection, kept: Kept, asked: Asked, wanted: Mapping[str, Sequence[tuple[Term, Pair]]], as_of: dt.date
) -> dict[str, list[Answer]]:
    """Values of several KPIs at once, by a name for each: announcements, reads and previews come from here.

    What a term stands on is read from where it is ``kept``; of a draft nothing need be.
    """
    work = Work(wanted, as_of)
    return work.answers(await measures.read(conn, asked, work.needed, kept))


async def compute_grouped(
    conn: Connection, kept: Kept, asked: Asked, term: Term, pairs: Sequence[Pair], as_of: dt.date
) -> list[Answer]:
    """The values of each pair by group, in order of both; a group without a fact is left out. Raises BadQuestion."""
    cells = {pair: [Cell(m, pair[0], w) for m, w in readings(term, pair[1], as_of)] for pair in pairs}
    numbers = await measures.read_grouped(conn, asked, (c for some in cells.values() for c in some), kept)
    parts: list[Answer] = []
    for pair, some in cells.items():
        groups = {group for cell in some for group in numbers[cell]}
        if len(parts) + len(groups) > GROUPS_MAX:
            raise BadQuestion(f"more than {GROUPS_MAX} values: ask for fewer subjects, periods or groups")
        for group in sorted(groups, key=in_order):
            found = {(c.measure, c.window): {c.subject: n} if (n := numbers[c].get(group)) else {} for c in some}
            parts.append(_answer(term, pair, as_of, list(found), found, group))
    return parts


def in_order(group: Group) -> list[tuple[bool, str]]:
    """What groups are sorted by: their values, those without one last."""
    return [(value is None, value or "") for value in group]


def of_nothing(term: Term, pair: Pair, as_of: dt.date, group: Group) -> Answer:
    """The value of a group that has no fact."""
    return _answer(term, pair, as_of, (), {}, group)


def _answer(
    term: Term, pair: Pair, as_of: dt.date, columns: Sequence[Column], numbers: Numbers, group: Group = ()
) -> Answer:
    """The value of a pair, and how many facts stand behind its numbers."""
    subject, window = pair

    def read(measure: Measure, over: Window) -> Decimal | None:
        return (numbers.get((measure, over), _NONE).get(subject) or measures.nothing(measure)).value

    facts = [number.facts for column in columns if (number := numbers.get(column, _NONE).get(subject))]
    return Answer(subject, window, value_of(term, window, as_of, read), sum(facts), group)
