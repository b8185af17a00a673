"""The roll-up: marks of changed facts become new versions of values, told on ``kpi-values`` with the reason."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

from chassis import progress, telemetry
from chassis.clock import Clock, pause
from chassis.db import Connection, Database, DatabaseUnavailable
from chassis.outbox import Announcement, announce
from contracts.kpi import ValueChanged
from services.kpi.domain import affected
from services.kpi.domain.cells import Asked
from services.kpi.domain.definitions import Published
from services.kpi.domain.facts import REASONS
from services.kpi.domain.measures import Term
from services.kpi.domain.periods import Window
from services.kpi.domain.sight import ALL
from services.kpi.domain.values import plain
from services.kpi.handlers.compute import Answer, Pair, compute
from services.kpi.handlers.in_force import in_force
from services.kpi.handlers.turn_day import turn_day
from services.kpi.store import values
from services.kpi.store.values import AnnouncedVersion, Mark
from services.kpi.translate import value_changed

log = logging.getLogger(__name__)

MARKS_MAX = 2_000
IDLE_SECONDS = 1.0
"""A changed value is told at most once in this time, always the newest."""
RETRY_SECONDS = 2.0
Places = dict[Pair, int]
"""Where a value may differ, with the rank of the reason to tell."""


@dataclass
class Announcer:
    """Drains the marks; of several announcers one works and the others idle."""

    database: Database
    clock: Clock
    zone: ZoneInfo

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""
        while not stop.is_set():
            progress.beat("announcer")
            wait = IDLE_SECONDS
            try:
                while await self.step() and not stop.is_set():
                    pass
            except DatabaseUnavailable as error:
                log.warning("announcer: %s", error)
                wait = RETRY_SECONDS
            except Exception:
                log.exception("announcer: a batch failed; trying it again")
                wait = RETRY_SECONDS
            await pause(wait, stop)
        progress.ended("announcer")

    async def step(self) -> int:
        """Announce what the oldest marks changed; returns how many places they named. One transaction."""
        async with self.database.transaction() as conn:
            if not await values.alone(conn):
                return 0
            await turn_day(conn, self._today())
            marks, causes = await values.take_marks(conn, MARKS_MAX)
            if marks:
                with telemetry.span("announce", attributes={"merit.marks": len(marks)}, links=sorted(causes)):
                    await announce_changes(conn, marks, self.clock.now(), self._today())
        return len(marks)

    def _today(self) -> dt.date:
        return self.clock.now().astimezone(self.zone).date()


async def announce_changes(conn: Connection, marks: Iterable[Mark], now: dt.datetime, today: dt.date) -> None:
    """Compute each touched day and calendar period as of today; tell those whose value differs from the one told last.

    A period under way counts what is dated until today; what is dated later is told when its day comes.
    """
    known = await in_force(conn)
    as_of = await values.as_of(conn) or now
    by_kind: dict[str, list[Mark]] = {}
    for found in marks:
        by_kind.setdefault(found.kind, []).append(found)
    for kind, some in by_kind.items():
        places = {key: _places(term, some, today) for key, term in known.terms.items()}
        wanted = {key: [(known.terms[key], pair) for pair in found] for key, found in places.items() if found}
        answers = await compute(conn, known.kept, Asked(kind, ALL), wanted, today)
        for key in sorted(answers):
            await _tell(conn, known.published[key], kind, answers[key], places[key], now, as_of)


def _places(term: Term, marks: Iterable[Mark], today: dt.date) -> Places:
    """The windows that changed days touch, of each subject."""
    places: Places = {}
    touched: dict[tuple[str, dt.date], set[Window]] = {}
    for found in marks:
        place = found.family, found.day
        if place not in touched:
            touched[place] = affected.windows(term, *place, today)
        for window in touched[place]:
            at = (found.subject, window)
            places[at] = max(places.get(at, 0), found.reason)
    return places


async def _tell(
    conn: Connection,
    published: Published,
    kind: str,
    answers: Iterable[Answer],
    places: Mapping[Pair, int],
    now: dt.datetime,
    as_of: dt.datetime,
) -> None:
    candidates = [(a, _first_version(published, kind, a, REASONS[places[a.subject, a.window]])) for a in answers]
    told = await values.announced(conn, [v for _, v in candidates])
    versions: list[AnnouncedVersion] = []
    announcements: list[Announcement] = []
    for answer, candidate in candidates:
        version = _next_version(candidate, told.get(values.identity(candidate)), answer)
        if version is not None:
            versions.append(version)
            announcements.append(value_changed(_contract(published, version, answer, as_of), now))
    await values.save_announced(conn, versions, now)
    await announce(conn, announcements)


def _first_version(published: Published, kind: str, answer: Answer, reason: str) -> AnnouncedVersion:
    window, definition = answer.window, published.definition
    assert window.grain
    return AnnouncedVersion(
        definition.key,
        kind,
        answer.subject,
        window.grain,
        window.start,
        published.version,
        1,
        answer.value.text,
        reason,
    )


def _next_version(
    candidate: AnnouncedVersion, told: AnnouncedVersion | None, answer: Answer
) -> AnnouncedVersion | None:
    """None when there is nothing new to tell: the same value, or a value that never was over no facts."""
    if told is None:
        return candidate if answer.facts else None
    if (told.value, told.definition_version) == (candidate.value, candidate.definition_version):
        return None
    return replace(candidate, version=told.version + 1)


def _contract(published: Published, version: AnnouncedVersion, answer: Answer, as_of: dt.datetime) -> ValueChanged:
    value = answer.value
    return ValueChanged(
        kpi=version.kpi,
        definition_version=version.definition_version,
        subject_kind=version.kind,  # type: ignore[arg-type]
        subject=version.subject,
        grain=version.grain,  # type: ignore[arg-type]
        period_from=answer.window.start,
        period_to=answer.window.end,
        value=value.text,
        numerator=None if value.numerator is None else plain(value.numerator),
        denominator=None if value.denominator is None else plain(value.denominator),
        null_reason=value.null_reason,
        unit=published.definition.unit,
        version=version.version,
        reason=version.reason,  # type: ignore[arg-type]
        as_of=as_of,
    )
