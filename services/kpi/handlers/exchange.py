"""Money of other currencies: converted when facts are made, and made anew when a rate changes, in bounded chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import Connection, Database
from chassis.turns import take_turns
from services.kpi.domain.exchange import converted, currencies, places
from services.kpi.domain.facts import REASONS, Fact
from services.kpi.domain.objects import OBJECT_KINDS
from services.kpi.handlers.in_force import folded, in_force
from services.kpi.handlers.replace_facts import Replaced, changes, fold, take_keys
from services.kpi.store import conversions, directory, histories, rates, slots
from services.kpi.store.histories import ObjectKey

OBJECTS_MAX = 500
"""How many objects one transaction restates."""
IDLE_SECONDS = 1.0
RETRY_SECONDS = 2.0
_RECOMPUTE = REASONS.index("recompute")


async def in_reporting_currency(conn: Connection, currency: str, objects: Sequence[Replaced]) -> Sequence[Replaced]:
    """The facts of objects as they are kept now, and as they will be: converted at the rates that hold, which is noted.

    Those of objects in the reporting currency stay as they are; where all are, nothing is asked of the database.
    """
    if currencies(fact for o in objects for facts in (o.before, o.after) for fact in facts) <= {currency, None}:
        return objects
    was = {o.key for o in objects if places(o.before, currency)}
    needs = {o.key: found for o in objects if (found := places(o.after, currency))}
    kept = await conversions.of_objects(conn, was)
    held = await rates.on(conn, frozenset().union(*needs.values()))
    noted = {key: {place: held[place] for place in needed} for key, needed in needs.items()}
    await conversions.replace(conn, was, noted)
    return [
        Replaced(
            o.key,
            o.partition,
            o.rank,
            converted(o.before, currency, kept.get(o.key, {})) if o.key in was else o.before,
            converted(o.after, currency, held) if o.key in needs else o.after,
        )
        for o in objects
    ]


async def restate(conn: Connection, objects_max: int = OBJECTS_MAX) -> int:
    """Make the facts of some objects anew whose currency changed its rate; returns how many were looked at.

    While a change is under way each object is at the rates that its conversions say, old or new, and events go on.
    """
    if not await conversions.is_restating(conn):
        return 0
    await directory.lock_exclusive(conn)
    task = await conversions.oldest_restating(conn)
    if task is None:
        return 0
    found = await conversions.next_places(conn, task, objects_max)
    await conversions.go_on_behind(conn, task, found[-1] if len(found) == objects_max else None)
    await _make_anew(conn, sorted({(kind, object_id) for _, kind, object_id in found}))
    return len(found) or 1


async def _make_anew(conn: Connection, keys: Sequence[ObjectKey]) -> None:
    known = await in_force(conn)
    objects = []
    for key, (partition, packed) in (await histories.histories(conn, keys)).items():
        kind = OBJECT_KINDS[key[0]]
        facts: list[Fact] = kind.stand(kind.unpack(packed)).facts
        objects.append(Replaced(key, partition, _RECOMPUTE, facts, facts))
    gone, fresh = changes(await in_reporting_currency(conn, known.currency, objects))
    kept = await folded(conn, known)
    await fold(conn, gone, fresh, kept, await slots.take(conn))
    await take_keys(conn, gone, fresh, kept, known.shift)


@dataclass
class Restater:
    """Restates what rates touched; of several restaters one works at a time."""

    database: Database

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""

        async def turn() -> float:
            return 0.0 if await self.step() else IDLE_SECONDS

        await take_turns("restater", stop, turn, RETRY_SECONDS)

    async def step(self) -> int:
        """Restate a chunk; returns how many objects were looked at, 0 when there is nothing to do. One transaction."""
        async with self.database.transaction() as conn:
            return await restate(conn)
