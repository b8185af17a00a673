"""The result of a report, line by line: a page of subjects at a time, out of one snapshot."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from chassis.db import Connection
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import Published
from services.kpi.domain.errors import KpiRefusal
from services.kpi.domain.periods import Window
from services.kpi.domain.reports import Report, check_report
from services.kpi.domain.saved import CannotWork, audience_faults
from services.kpi.domain.sight import Sight
from services.kpi.domain.timeline import Timeline
from services.kpi.domain.timing import windows
from services.kpi.handlers.compute import Answer, Pair
from services.kpi.handlers.in_force import in_force, standing
from services.kpi.handlers.questions import Question, compared, meanings
from services.kpi.store import values
from services.kpi.store.measures import Group

LINES_MAX, VALUES_MAX = 50_000, 200_000
"""Lines in one result, and values in them (a KPI each), which a minute can make: more is asked for in parts."""
_CELLS, _CELLS_SPLIT = 4_000, 400
"""About how many values are worked out at a time; split up, each may become many."""


class TooManyLines(KpiRefusal):
    """The result would have more than LINES_MAX lines, or VALUES_MAX values."""


@dataclass(frozen=True, slots=True)
class Line:
    """A subject over a window, of a group where the report is split up: an answer per KPI, None without a fact."""

    subject: str
    window: Window
    group: Group
    answers: Sequence[Answer | None]


@dataclass(frozen=True)
class Result:
    """A report on a day: its KPIs as its last window means them, and its lines, in order of subject, window and group.

    ``measured_by``: per window the version of each KPI that it is measured by.
    """

    report: Report
    kpis: Sequence[Published]
    measured_by: Mapping[Window, Sequence[int]]
    until: dt.date
    as_of: dt.datetime | None
    pages: AsyncIterator[list[Line]]


async def check(conn: Connection, report: Report, sight: Sight, today: dt.date) -> None:
    """Whether the report can work and names only subjects that its maker may see. Raises CannotWork."""
    _check(report, await in_force(conn), today)
    asked = report.subjects or ()
    seen = await values.subjects(conn, report.subject_kind, sight, asked, "", len(asked))
    faults = list(audience_faults(report.shown_to))
    faults += [
        Fault(f"/subjects/{n}", "unknown-subject", f"no such {report.subject_kind}: {subject}")
        for n, subject in enumerate(asked)
        if subject not in seen
    ]
    if faults:
        raise CannotWork(faults)


async def run(conn: Connection, report: Report, sight: Sight, until: dt.date) -> Result:
    """The report with what the caller sees of it; windows end at the day ``until``.

    The transaction must stay open, and keep its snapshot, until the pages are read. Raises CannotWork for what no
    longer works (KPIs change); TooManyLines, also while the pages are read.
    """
    known, read_until = await standing(conn)
    _check(report, known, until)
    over = windows(report, until, known.fiscal_month)
    measured_by = {w: [known.of(w).version_of(key).version for key in report.kpis] for w in over}
    published = [known.of(over[-1]).version_of(key) for key in report.kpis]
    pages = _pages(conn, known, report, over, sight, until)
    return Result(report, published, measured_by, until, read_until, pages)


def _check(report: Report, known: Timeline, today: dt.date) -> None:
    """Whether it can work by all that holds on some day. Raises CannotWork."""
    for part in known.parts:
        check_report(report, part.known, today)


async def _pages(
    conn: Connection, known: Timeline, report: Report, over: Sequence[Window], sight: Sight, until: dt.date
) -> AsyncIterator[list[Line]]:
    asked = Question(
        report.subject_kind,
        report.subjects,
        over,
        until,
        report.group_by,
        report.filter,
        report.compare,
        to_date=report.to_date is not None,
    )
    every = await values.subjects(conn, report.subject_kind, sight, report.subjects, "", LINES_MAX + 1)
    most = min(LINES_MAX, VALUES_MAX // len(report.kpis))
    cells = _CELLS_SPLIT if report.group_by else _CELLS
    size, lines = max(1, cells // (len(over) * len(report.kpis))), 0
    for start in range(0, len(every), size):
        if len(every) > LINES_MAX:
            raise TooManyLines(f"more than {LINES_MAX} of {report.subject_kind}: name the subjects")
        page = await _page(conn, known, report, asked, every[start : start + size], sight)
        if (lines := lines + len(page)) > most:
            raise TooManyLines(f"more than {most} lines: ask for fewer KPIs, subjects, periods or groups")
        yield page


async def _page(
    conn: Connection, known: Timeline, report: Report, asked: Question, subjects: Sequence[str], sight: Sight
) -> list[Line]:
    """The lines of some subjects; without asked-for ones, those that have no fact in any window are left out."""
    pairs: list[Pair] = [(s, w) for s in subjects for w in asked.windows]
    found: dict[tuple[str, Window, Group], list[Answer | None]] = {}
    alive = set(report.subjects or ())
    for n, key in enumerate(report.kpis):
        for answer in await compared(conn, known, meanings(known, key, asked.windows), asked, pairs, sight):
            place = found.setdefault((answer.subject, answer.window, answer.group), [None] * len(report.kpis))
            place[n] = answer
            if answer.facts:
                alive.add(answer.subject)
    order = {pair: n for n, pair in enumerate(pairs)}
    ordered = sorted(found.items(), key=lambda i: (order[i[0][:2]], [(v is None, v or "") for v in i[0][2]]))
    return [Line(*place, answers) for place, answers in ordered if place[0] in alive]
