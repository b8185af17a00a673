"""The roll-up: marks of changed facts become new versions of values, told on ``kpi-values`` with the reason."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
from services.kpi.store import marks, values
from services.kpi.store.marks import Mark
from services.kpi.store.values import AnnouncedVersion
from services.kpi.translate import value_changed

log = logging.getLogger(__name__)

ROUND_SECONDS = 1.0
"""A changed value is told at most once in this time, always the newest: a round begins so long after the one before."""
LOOK_SECONDS = 0.25
RETRY_SECONDS = 2.0
MARKS_MAX = 50_000
"""Of one round; what is left waits for the next one."""
STEP_MARKS = 2_000
"""Marks of one transaction, or all of a subject's where it has more."""
Places = dict[Pair, int]
"""Where a value may differ, with the rank of the reason to tell."""


@dataclass
class Announcer:
    """Drains the marks in rounds; of several announcers one works and the others idle."""

    database: Database
    clock: Clock
    zone: ZoneInfo

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""
        while not stop.is_set():
            progress.beat("announcer")
            try:
                wait = await self._round_and_rest(stop)
            except DatabaseUnavailable as error:
                log.warning("announcer: %s", error)
                wait = RETRY_SECONDS
            except Exception:
                log.exception("announcer: a batch failed; trying it again")
                wait = RETRY_SECONDS
            await pause(wait, stop)
        progress.ended("announcer")

    async def _round_and_rest(self, stop: asyncio.Event) -> float:
        """How long to rest: what took long is told less often, so that events can be counted meanwhile."""
        began = self.clock.monotonic()
        if not await self.round(stop):
            return LOOK_SECONDS
        took = self.clock.monotonic() - began
        return max(took, ROUND_SECONDS - took)

    async def round(self, stop: asyncio.Event | None = None) -> int:
        """Announce what the marks of this moment changed, all of a subject's at once; returns how many places they
        named. Its transactions are bounded, and it ends between two of them when told to ``stop``."""
        async with self.database.transaction() as conn:
            if not await marks.alone(conn):
                return 0
            await turn_day(conn, self._today())
            waiting = await marks.waiting(conn, MARKS_MAX)
        found = 0
        for ids in _steps(waiting):
            if stop is None or not stop.is_set():
                found += await self._step(ids)
        return found

    async def _step(self, ids: Sequence[int]) -> int:
        progress.beat("announcer")
        async with self.database.transaction() as conn:
            if not await marks.alone(conn):
                return 0
            taken, causes = await marks.take(conn, ids)
            if taken:
                with telemetry.span("announce", attributes={"merit.marks": len(taken)}, links=sorted(causes)):
                    await announce_changes(conn, taken, self.clock.now(), self._today())
        return len(taken)

    def _today(self) -> dt.date:
        return self.clock.now().astimezone(self.zone).date()


def _steps(waiting: Iterable[Sequence[int]]) -> Iterator[list[int]]:
    """The marks of each transaction, those of a subject never apart."""
    ids: list[int] = []
    for some in waiting:
        ids += some
        if len(ids) >= STEP_MARKS:
            yield ids
            ids = []
    if ids:
        yield ids


async def announce_changes(conn: Connection, changed: Iterable[Mark], now: dt.datetime, today: dt.date) -> None:
    """Compute each touched day and calendar period as of today; tell those whose value differs from the one told last.

    A period under way counts what is dated until today; what is dated later is told when its day comes.
    """
    known = await in_force(conn)
    as_of = await values.as_of(conn) or now
    by_kind: dict[str, list[Mark]] = {}
    for found in changed:
        by_kind.setdefault(found.kind, []).append(found)
    for kind, some in by_kind.items():
        places = {key: _places(term, some, today) for key, term in known.terms.items()}
        wanted = {key: [(known.terms[key], pair) for pair in found] for key, found in places.items() if found}
        answers = await compute(conn, known.kept, Asked(kind, ALL), wanted, today)
        for key in sorted(answers):
            await _tell(conn, known.published[key], kind, answers[key], places[key], now, as_of)


def _places(term: Term, changed: Iterable[Mark], today: dt.date) -> Places:
    """The windows that changed days touch, of each subject."""
    places: Places = {}
    touched: dict[tuple[str, dt.date], set[Window]] = {}
    for found in changed:
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
