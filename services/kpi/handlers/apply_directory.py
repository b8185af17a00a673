"""People and targets as announced: a membership change restates what it touches, with reason ``recompute``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from chassis.bus import Record
from chassis.db import Connection
from contracts.directory import Person
from contracts.incentive import Target
from services.kpi.domain.facts import REASONS
from services.kpi.domain.spans import spans
from services.kpi.handlers.in_force import folded, in_force
from services.kpi.store import directory, facts, keys, slices, slots
from services.kpi.translate import read_person, read_target


async def apply_people(conn: Connection, records: Sequence[Record]) -> None:
    """Take the newest word on each person, and move facts to where they belong now."""
    await directory.lock_exclusive(conn)
    await directory.save_people(conn, _newest(read_person(r) for r in records))
    before, after = await directory.spans(conn), spans((await directory.people(conn)).values())
    gone, new = before - after, after - before
    known, rank = await in_force(conn), REASONS.index("recompute")
    kept = await folded(conn, known)
    persons, kinds = sorted({s.person_id for s in gone | new}), sorted({f.over for f in kept.slices} | {*kept.overs})
    moved = {over: await facts.objects_of(conn, over, persons) for over in kinds}
    slot = await slots.take(conn)
    await keys.lock(conn)
    for over, object_ids in moved.items():
        await facts.refold(conn, over, object_ids, kept, known.shift, rank, -1, slot)
    await directory.replace_spans(conn, gone, new)
    for over, object_ids in moved.items():
        await facts.refold(conn, over, object_ids, kept, known.shift, rank, 1, slot)
    await slices.sweep(conn)


async def apply_targets(conn: Connection, records: Sequence[Record]) -> None:
    """Take the newest version of each target."""
    targets: dict[str, Target] = {}
    for record in records:
        target = read_target(record)
        targets[target.target_id] = target
    await directory.save_targets(conn, list(targets.values()))


def _newest(people: Iterable[Person]) -> list[Person]:
    newest: dict[str, Person] = {}
    for person in people:
        if person.person_id not in newest or newest[person.person_id].version < person.version:
            newest[person.person_id] = person
    return list(newest.values())
