"""What publications need is made from facts in chunks, for all at once that wait, and then switched to in one step.

Each step is a short transaction: a chunk of facts and how far it reaches commit together, so that a crash loses and
doubles nothing. Meanwhile batches fold what they bring of objects that were reached into what is being made.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chassis import vitals
from chassis.clock import Clock
from chassis.db import Connection, Database
from chassis.metric_names import BACKFILL_FACTS, MARKS
from chassis.turns import take_turns
from services.kpi.domain.facts import REASONS
from services.kpi.domain.faults import dependants
from services.kpi.domain.measures import Family, Place, measures_of
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers.in_force import folded, in_force
from services.kpi.store import definitions, directory, keys, making, slices, slots
from services.kpi.store.making import Progress

log = logging.getLogger(__name__)

CHUNK_SECONDS = 0.5
"""What a chunk should take: a batch waits for no more than one of them."""
CHUNK_FACTS, CHUNK_FACTS_MIN, CHUNK_FACTS_MAX = 2_000, 200, 50_000
"""The first chunk's, and the bounds of the next ones; of key sets, days."""
MARKED_FACTS = 2_000
"""Facts whose days are marked in one step."""
SMALL_FACTS = 5_000
"""Facts of a kind that a publication may touch to be made at once, within the request."""
FORGET_ROWS = 20_000
MARKS_MAX = 20_000
"""Marks that may wait to be announced before more are made."""
IDLE_SECONDS = 2.0
REST_SECONDS = 0.05
"""Between two steps, so that batches that wait come first."""
RETRY_SECONDS = 2.0
_RECOMPUTE = REASONS.index("recompute")


@dataclass
class Chunk:
    """How many facts are taken next: as many as should take CHUNK_SECONDS, by what the last ones took."""

    facts: int = CHUNK_FACTS
    clock: Clock | None = None
    """Without one it stays as it is."""

    @contextmanager
    def timed(self) -> Iterator[None]:
        """This block takes a chunk."""
        if self.clock is None:
            yield
            return
        began = self.clock.monotonic()
        yield
        factor = CHUNK_SECONDS / max(0.001, self.clock.monotonic() - began)
        self.facts = round(self.facts * min(2.0, max(0.5, factor)))
        self.facts = min(CHUNK_FACTS_MAX, max(CHUNK_FACTS_MIN, self.facts))


@dataclass
class Backfiller:
    """Takes the steps that publications need; of several one works and the others idle."""

    database: Database
    clock: Clock

    def __post_init__(self) -> None:
        self._chunk = Chunk(clock=self.clock)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""

        async def turn() -> float:
            return REST_SECONDS if await self.step() else IDLE_SECONDS

        with vitals.watching(self._measure):
            await take_turns("backfill", stop, turn, RETRY_SECONDS)

    async def _measure(self) -> None:
        async with self.database.connection() as conn:
            BACKFILL_FACTS.set(sum(max(0, p.facts_total - p.facts_done) for p in await making.progress(conn)))
            MARKS.set(await making.marks(conn, MARKS_MAX))

    async def step(self) -> bool:
        """Take the next step, in one transaction; whether there was one."""
        async with self.database.transaction() as conn:
            return await making.alone(conn) and await advance(conn, self.clock.now(), self._chunk)


async def advance(conn: Connection, now: dt.datetime, chunk: Chunk | None = None) -> bool:
    """Take the next step for publications; whether there was one. Needs making.lock.

    First goes what nobody needs any more, so that what comes anew begins with nothing; then the queue; then the marks
    that switches left: those of several are one.
    """
    chunk = chunk or Chunk()
    known = await in_force(conn)
    if await _forget(conn, known):
        return True
    if not known.queue:
        return await _mark(conn, min(chunk.facts, MARKED_FACTS))
    made, counted = await making.progress(conn), await making.counted(conn)
    if known.building and not made and not counted:  # where it was moved here from: here nothing is made
        await definitions.build_no_more(conn)
    elif not known.building and (known.to_read or known.to_make.keys):
        await _begin(conn, known, now)
    elif part := next((p for p in made if p.reached is not None), None):
        await _make(conn, known, part, part.reached or "", chunk)
    elif found := next(((i, place) for i, place in counted.items() if place is not None), None):
        await _count(conn, known, *found, chunk)
    else:
        await _switch(conn, known, now)
    return True


async def settle(conn: Connection, now: dt.datetime) -> None:
    """Take all steps at once if they touch few facts. Needs making.lock."""
    known = await in_force(conn)
    if not known.queue or known.building or await making.next_remark(conn):
        return
    for over in sorted({*known.to_read, *(family.over for family, _ in _families(known))}):
        if await making.facts_of(conn, over, SMALL_FACTS + 1) > SMALL_FACTS:
            return
    while await advance(conn, now):
        pass


async def _forget(conn: Connection, known: Timeline) -> bool:
    kept = await folded(conn, known)
    return await slices.forget(conn, kept.measure_ids, FORGET_ROWS) or await keys.forget(
        conn, kept.keys.values(), FORGET_ROWS
    )


async def _mark(conn: Connection, facts: int) -> bool:
    """Mark some days more, unless enough wait to be announced."""
    found = await making.next_remark(conn)
    if found is None or await making.marks(conn, MARKS_MAX) >= MARKS_MAX:
        return False
    until = await slices.next_day(conn, found.family, found.since, facts)
    await slices.mark_days(conn, found.family, _RECOMPUTE, found.since, until or dt.date.max, found.every_kpi)
    await making.remarked(conn, found.id, until)
    return True


async def _begin(conn: Connection, known: Timeline, now: dt.datetime) -> None:
    """From now on batches fold what those that wait need: nothing of it is reached yet."""
    facts_total = {over: await making.facts_of(conn, over) for over in known.to_read}
    await directory.lock_exclusive(conn)
    await definitions.build(conn)
    await making.begin(conn, facts_total, list(known.to_make.keys), now)
    log.info("backfill of %s: %d facts", _names(known), sum(facts_total.values()))


async def _make(conn: Connection, known: Timeline, part: Progress, after: str, chunk: Chunk) -> None:
    """The facts of the next objects, all of them: batches are kept out meanwhile."""
    new = known.to_make.of(part.over)
    await directory.lock_exclusive(conn)
    with chunk.timed():
        until, facts = await making.next_objects(conn, part.over, after, chunk.facts)
        slot = await slots.take(conn)
        for family, measures in new.slices.items():
            await slices.make(conn, family, measures, slot, after, until)
        await making.reach(conn, part.over, until, facts)
        sets = [kept.key_set for i, kept in new.keys.items() if i not in known.kept.keys]
        if sets:
            await keys.lock(conn)
        for key_set in sets:
            await keys.make(conn, key_set, after, until)


async def _count(conn: Connection, known: Timeline, set_id: str, since: Place, chunk: Chunk) -> None:
    """The next places of a set whose days are all there, from one on."""
    wanted = known.to_make.keys[set_id]
    await directory.lock_exclusive(conn)
    await keys.lock(conn)
    with chunk.timed():
        until = await keys.next_places(conn, wanted.key_set, since, chunk.facts)
        await keys.count(conn, wanted, known.shift, (since, until))
        await making.count(conn, set_id, until)


async def _switch(conn: Connection, known: Timeline, now: dt.datetime) -> None:
    """Let the versions hold, and all that is announced of them or stands on them be announced anew."""
    await directory.lock_exclusive(conn)
    for published in known.group:
        await definitions.switch(conn, published, now)
    await making.end(conn)
    await making.remark(conn, _families(known))
    log.info("%s: switched to", _names(known))


def _families(known: Timeline) -> list[tuple[Family, bool]]:
    """The facts whose days must be marked: for what stands on them, or for all KPIs where one did and does not."""
    catalogues = [part.known.catalogue for part in known.next.parts]
    on_them, left = set[Family](), set[Family]()
    for key in {published.definition.key for published in known.group}:
        told = {key, *(d.key for catalogue in catalogues for d in dependants(key, catalogue))}
        new = {m.family for k, term in known.next.terms if k in told for m in measures_of(term)}
        on_them |= new
        left |= {m.family for k, term in known.terms if k == key for m in measures_of(term)} - new
    return [(family, family in left) for family in sorted(on_them | left, key=str)]


def _names(known: Timeline) -> str:
    return ", ".join(f"version {p.version} of {p.definition.key}" for p in known.group)
