"""The roll-up: marks of changed facts become new versions of values, told on ``kpi-values`` with the reason."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from chassis import progress, telemetry
from chassis.clock import Clock, pause
from chassis.db import Connection, Database
from chassis.outbox import announce
from chassis.turns import take_turns
from contracts.kpi import ValueChanged
from services.kpi.domain import affected
from services.kpi.domain.cells import Asked
from services.kpi.domain.facts import REASONS
from services.kpi.domain.meaning import InForce, Kept
from services.kpi.domain.measures import Term
from services.kpi.domain.periods import GRAINS, Window
from services.kpi.domain.rounds import portions, steps
from services.kpi.domain.sight import ALL
from services.kpi.domain.timeline import Part
from services.kpi.domain.values import plain
from services.kpi.handlers.compute import Answer, Pair, compute
from services.kpi.handlers.in_force import in_force
from services.kpi.handlers.turn_day import turn_day
from services.kpi.store import marks, values
from services.kpi.store.marks import Mark
from services.kpi.store.values import Candidate, Name
from services.kpi.translate import value_changed

ROUND_SECONDS = 1.0
"""A changed value is told at most once in this time, always the newest: a round begins so long after the one before."""
RESTS = 3.0
"""How often the time of a step is waited before the next one, while events are being counted."""
LOOK_SECONDS = 0.25
RETRY_SECONDS = 2.0
MARKS_MAX = 50_000
"""Of one round; what is left waits for the next one."""
STEP_PLACES = 10_000
"""About so many values are computed by one transaction, or by one part of it where one subject has more."""
Places = dict[Pair, int]
"""Where a value may differ, with the rank of the reason to tell."""
Touched = dict[tuple[str, dt.date], set[Window]]
"""The windows in which a KPI may differ after facts of a family changed on a day."""


@dataclass
class Announcer:
    """Drains the marks in rounds; of several announcers one works and the others idle."""

    database: Database
    clock: Clock
    zone: ZoneInfo
    places: int = STEP_PLACES
    _read: int = field(default=0, init=False)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""
        await take_turns("announcer", stop, lambda: self._next_round(stop), RETRY_SECONDS)

    async def _next_round(self, stop: asyncio.Event) -> float:
        """How long to wait before the next look."""
        began = self.clock.monotonic()
        found = await self.round(stop)
        return max(LOOK_SECONDS, began + ROUND_SECONDS - self.clock.monotonic()) if found else LOOK_SECONDS

    async def round(self, stop: asyncio.Event) -> int:
        """Announce what the marks of this moment changed, all of a subject's at once; returns how many places they
        named. Its transactions are bounded, and it ends between two of them when told to ``stop``."""
        async with self.database.transaction() as conn:
            if not await marks.alone(conn):
                return 0
            await turn_day(conn, self._today())
            each = sum(len(part.known.terms) for part in (await in_force(conn)).parts) * len(GRAINS)
            waiting = await marks.waiting(conn, MARKS_MAX)
        found = 0
        for ids in steps(waiting, self.places // max(1, each)):
            if stop.is_set():
                break
            began = self.clock.monotonic()
            found += await self._step(ids)
            await self._rest(RESTS * (self.clock.monotonic() - began), stop)
        return found

    async def _rest(self, seconds: float, stop: asyncio.Event) -> None:
        """While events are being counted: both want the same processors, and a value is read sooner than it is told. A
        backlog's end is told at once."""
        until = self.clock.monotonic() + seconds
        while (left := until - self.clock.monotonic()) > 0 and not stop.is_set() and await self._counting():
            await pause(min(left, LOOK_SECONDS), stop)

    async def _counting(self) -> bool:
        """Whether a reader is in the middle of a batch, or has read on since the last look."""
        before = self._read
        async with self.database.connection() as conn:
            self._read, in_a_batch = await marks.counting(conn)
        return in_a_batch or self._read != before

    async def _step(self, ids: Sequence[int]) -> int:
        progress.beat("announcer")
        async with self.database.transaction() as conn:
            if not await marks.alone(conn):
                return 0
            taken, causes = await marks.take(conn, ids)
            if taken:
                with telemetry.span("announce", attributes={"merit.marks": len(taken)}, links=sorted(causes)):
                    await announce_changes(conn, taken, self.clock.now(), self._today(), self.places)
        return len(taken)

    def _today(self) -> dt.date:
        return self.clock.now().astimezone(self.zone).date()


async def announce_changes(
    conn: Connection, changed: Iterable[Mark], now: dt.datetime, today: dt.date, at_once: int = STEP_PLACES
) -> None:
    """Compute each touched day and calendar period as of today; tell those whose value differs from the one told last.

    About so many values ``at_once`` are computed and told by the same statements.
    A period under way counts what is dated until today; what is dated later is told when its day comes.
    """
    known = await in_force(conn)
    as_of = await values.as_of(conn) or now
    by_kind: dict[str, list[Mark]] = {}
    for found in changed:
        by_kind.setdefault(found.kind, []).append(found)
    for kind, some in by_kind.items():
        for part in known.parts:
            await _announce_part(conn, known.kept, part, kind, some, now, as_of, today, at_once)


async def _announce_part(
    conn: Connection,
    kept: Kept,
    part: Part,
    kind: str,
    changed: Sequence[Mark],
    now: dt.datetime,
    as_of: dt.datetime,
    today: dt.date,
    at_once: int,
) -> None:
    """What is measured by the versions of one part of the timeline."""
    terms = part.known.terms
    for places in portions(_places(part, changed, today), at_once):
        wanted = {key: [(terms[key], pair) for pair in pairs] for key, pairs in places.items()}
        answers = await compute(conn, kept, Asked(kind, ALL), wanted, today)
        told = await values.tell(conn, kind, _candidates(part.known, answers, places), now)
        await announce(
            conn,
            [
                value_changed(_contract(part.known, key, kind, answer, version, places, as_of), now)
                for key, some_answers in answers.items()
                for answer in some_answers
                if (version := told.get(_name(key, answer)))
            ],
        )


def _places(part: Part, changed: Sequence[Mark], today: dt.date) -> dict[str, Places]:
    """The windows of each subject that changed days touch, by KPI, as far as they are measured by what holds in a part;
    what they touch alike is worked out once."""
    days = {(found.family, found.day) for found in changed}
    places: dict[str, Places] = {}
    known: list[tuple[Touched, Places]] = []
    for key, term in part.known.terms.items():
        touched = {place: found for place in days if (found := _touched(part, term, place, today))}
        if touched:
            same = next((p for t, p in known if t == touched), None)
            places[key] = _of_each_subject(touched, changed) if same is None else same
            known.append((touched, places[key]))
    return places


def _touched(part: Part, term: Term, place: tuple[str, dt.date], today: dt.date) -> set[Window]:
    return {window for window in affected.windows(term, *place, today) if part.measures(window)}


def _of_each_subject(touched: Touched, changed: Iterable[Mark]) -> Places:
    places: Places = {}
    for found in changed:
        for window in touched.get((found.family, found.day), ()):
            at = found.subject, window
            places[at] = max(places.get(at, 0), found.reason)
    return places


def _candidates(
    known: InForce, answers: Mapping[str, Iterable[Answer]], places: Mapping[str, Places]
) -> list[Candidate]:
    return [
        Candidate(
            *_name(key, answer),
            known.published[key].version,
            answer.value.text,
            REASONS[places[key][answer.subject, answer.window]],
            answer.facts,
        )
        for key, some in answers.items()
        for answer in some
    ]


def _name(key: str, answer: Answer) -> Name:
    window = answer.window
    assert window.grain
    return key, answer.subject, window.grain, window.start


def _contract(
    known: InForce,
    key: str,
    kind: str,
    answer: Answer,
    version: int,
    places: Mapping[str, Places],
    as_of: dt.datetime,
) -> ValueChanged:
    published, value, window = known.published[key], answer.value, answer.window
    return ValueChanged(
        kpi=key,
        definition_version=published.version,
        subject_kind=kind,  # type: ignore[arg-type]
        subject=answer.subject,
        grain=window.grain,  # type: ignore[arg-type]
        period_from=window.start,
        period_to=window.end,
        value=value.text,
        numerator=None if value.numerator is None else plain(value.numerator),
        denominator=None if value.denominator is None else plain(value.denominator),
        null_reason=value.null_reason,
        unit=published.definition.unit,
        version=version,
        reason=REASONS[places[key][answer.subject, window]],
        as_of=as_of,
    )
