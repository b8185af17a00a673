"""The roll-up: marks of changed facts become new versions of values, told on ``kpi-values`` with the reason."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import get_args

from chassis import progress, telemetry
from chassis.clock import Clock, pause
from chassis.db import Connection, Database, DatabaseUnavailable
from chassis.outbox import Announcement, announce
from contracts.kpi import Grain, ValueChanged
from services.kpi.domain.definitions import Definition, Published
from services.kpi.domain.facts import REASONS
from services.kpi.domain.periods import Window, containing, following
from services.kpi.domain.values import plain
from services.kpi.handlers.read_values import Answer, compute
from services.kpi.store import definitions, values
from services.kpi.store.values import AnnouncedVersion, Mark
from services.kpi.translate import value_changed

log = logging.getLogger(__name__)

MARKS_MAX = 2_000
IDLE_SECONDS = 1.0
"""A changed value is told at most once in this time, always the newest."""
RETRY_SECONDS = 2.0
GRAINS: tuple[Grain, ...] = get_args(Grain)


@dataclass
class Announcer:
    """Drains the marks; of several announcers one works and the others idle."""

    database: Database
    clock: Clock

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
            marks, causes = await values.take_marks(conn, MARKS_MAX)
            if marks:
                with telemetry.span("announce", attributes={"merit.marks": len(marks)}, links=sorted(causes)):
                    await announce_changes(conn, marks, self.clock.now())
        return len(marks)


async def announce_changes(conn: Connection, marks: Iterable[Mark], now: dt.datetime) -> None:
    """Compute each touched day and calendar period; tell those whose value differs from the one told last."""
    known = await definitions.in_force(conn)
    catalogue = {k: p.definition for k, p in known.items()}
    by_kind: dict[str, list[Mark]] = {}
    for found in marks:
        by_kind.setdefault(found.kind, []).append(found)
    as_of = await values.as_of(conn) or now
    for key in sorted(known):
        for kind, some in by_kind.items():
            places = _places(catalogue[key], some)
            answers = await compute(conn, catalogue[key], catalogue, kind, list(places))
            await _tell(conn, known[key], kind, answers, places, now, as_of)


def _places(definition: Definition, marks: Iterable[Mark]) -> dict[tuple[str, Window], int]:
    """The windows that a changed day lies in, with the reason's rank; growth also changes the period that follows."""
    places: dict[tuple[str, Window], int] = {}
    for found in marks:
        windows = [containing(found.day, g) for g in GRAINS]
        if definition.kind == "growth":
            windows += [following(w) for w in windows]
        for window in windows:
            at = (found.subject, window)
            places[at] = max(places.get(at, 0), found.reason)
    return places


async def _tell(
    conn: Connection,
    published: Published,
    kind: str,
    answers: Iterable[Answer],
    places: Mapping[tuple[str, Window], int],
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
        numerator=plain(value.numerator),
        denominator=None if value.denominator is None else plain(value.denominator),
        null_reason=value.null_reason,
        unit=published.definition.unit,
        version=version.version,
        reason=version.reason,  # type: ignore[arg-type]
        as_of=as_of,
    )
