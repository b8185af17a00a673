"""Who is first on a leaderboard: every subject that its maker saw, in order, whoever reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import Connection
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import Compare, Published
from services.kpi.domain.errors import BadQuestion, KpiRefusal
from services.kpi.domain.leaderboards import (
    NO_TARGET,
    Leaderboard,
    Standing,
    by_improvement,
    by_target,
    by_value,
    check_leaderboard,
    ranked,
)
from services.kpi.domain.periods import Window, containing
from services.kpi.domain.saved import Audience, CannotWork, Saved, audience_faults
from services.kpi.domain.sight import Sight
from services.kpi.domain.timeline import Timeline
from services.kpi.domain.timing import Timing, windows
from services.kpi.handlers.compute import Answer
from services.kpi.handlers.in_force import in_force, standing
from services.kpi.handlers.questions import Question, compared, meanings
from services.kpi.handlers.read_attainment import measured
from services.kpi.store import directory, values

SUBJECTS_MAX = 20_000
_AT_A_TIME = 2_000


class TooManySubjects(KpiRefusal):
    """More subjects would have to be put in order than SUBJECTS_MAX."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """All ranks of a board over a window, and who has none."""

    published: Published
    window: Window
    as_of: dt.datetime | None
    ranked: Sequence[tuple[int, Standing]]
    unranked: Sequence[Standing]


async def check(conn: Connection, board: Leaderboard, sight: Sight, today: dt.date) -> None:
    """Whether the board can work, and somebody sees it. Raises CannotWork."""
    faults = list(audience_faults(board.shown_to))
    if board.shown_to == Audience():
        said = "nobody but its owner would see it: say everyone, roles, teams or people"
        faults.append(Fault("/shown_to", "nobody", said))
    if faults:
        raise CannotWork(faults)
    _check(board, await in_force(conn), sight)


async def read_ranks(
    conn: Connection, saved: Saved[Leaderboard], period: str | None, until: dt.date, currency: str
) -> Ranks:
    """The ranks over a period of the board's grain (None: that of the day ``until``), counted until that day.

    While the period runs, as much of the one before is looked at as is over of it: else who is most improved would be
    decided by the calendar. A subject without a fact in the period is left out, unless it has the target that is asked
    about. Raises CannotWork for a board that no longer works, BadQuestion, BadPeriod, TooManySubjects.
    """
    known, read_until = await standing(conn)
    board = saved.body
    _check(board, known, saved.sight)
    window = _window(board, period, until, known.fiscal_month)
    subjects = await values.subjects(conn, board.subject_kind, saved.sight, None, "", SUBJECTS_MAX + 1)
    if len(subjects) > SUBJECTS_MAX:
        raise TooManySubjects(f"more than {SUBJECTS_MAX} of {board.subject_kind} cannot be put in order")
    before: Compare | None = "previous_period" if board.ranking == "most_improved" else None
    asked = Question(
        board.subject_kind, None, [window], until, where=board.filter, compare=before, to_date=before is not None
    )
    (meant,) = meanings(known, board.kpi, [window])
    answers: list[Answer] = []
    for start in range(0, len(subjects), _AT_A_TIME):
        pairs = [(s, window) for s in subjects[start : start + _AT_A_TIME]]
        answers += await compared(conn, known, [meant], asked, pairs, saved.sight)
    published = meant.published
    standings = await _standings(conn, board, published, window, answers, currency)
    ranks = ranked(standings, published.definition.direction)
    return Ranks(published, window, read_until, ranks, [s for s in standings if s.score is None])


def _check(board: Leaderboard, known: Timeline, sight: Sight) -> None:
    """Whether it can work by all that holds on some day. Raises CannotWork."""
    for part in known.parts:
        check_leaderboard(board, part.known, sight)


async def _standings(
    conn: Connection, board: Leaderboard, published: Published, window: Window, answers: Sequence[Answer], currency: str
) -> list[Standing]:
    alive = [a for a in answers if a.facts]
    if board.ranking == "value":
        return [by_value(a.subject, a.value) for a in alive]
    if board.ranking == "most_improved":
        return [by_improvement(a.subject, a.value, a.before, board.improved_by == "growth") for a in alive]
    targets = await directory.targets_over(conn, board.kpi, board.subject_kind, window.start, window.end)
    standings = []
    for a in answers:
        if target := targets.get(a.subject):
            found = measured(published.definition, target, a.value, currency)
            standings.append(by_target(a.subject, found.value or a.value, found.part, target.value))
        elif a.facts:
            standings.append(Standing(a.subject, a.value, None, None, NO_TARGET))
    return standings


def _window(board: Leaderboard, period: str | None, until: dt.date, fiscal_month: int) -> Window:
    if period is None:
        return containing(until, board.grain, fiscal_month)
    (window,) = windows(Timing(period=period), until, fiscal_month)
    if window.grain != board.grain:
        raise BadQuestion(f"this board is of a {board.grain}: {period!r} is none")
    return window
