"""Facts of objects put in the place of those that they gave before, with all that is kept of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from chassis.db import Connection
from services.kpi.domain.facts import Fact
from services.kpi.domain.meaning import Kept
from services.kpi.store import facts, keys, slices
from services.kpi.store.facts import Change, change
from services.kpi.store.histories import ObjectKey

Changes = dict[str, list[Change]]
"""Facts that come or go, by kind."""


class Replaced(Struct, frozen=True, gc=False):
    """An object's facts as they were and as they will be, its partition, and the rank of the reason to tell."""

    key: ObjectKey
    partition: int
    rank: int
    before: Sequence[Fact]
    after: Sequence[Fact]


def changes(objects: Iterable[Replaced]) -> tuple[Changes, Changes]:
    """The facts that go and those that come, by kind: of an object whose facts of a kind stay as they are, none."""
    gone: Changes = defaultdict(list)
    fresh: Changes = defaultdict(list)
    for o in objects:
        same = _kinds_that_stay(o.before, o.after) if o.before else ()
        for some, found in ((o.before, gone), (o.after, fresh)):
            for fact in some:
                if fact.kind not in same:
                    found[fact.kind].append(change(fact, o.partition, o.rank))
    return gone, fresh


def _kinds_that_stay(before: Sequence[Fact], after: Sequence[Fact]) -> set[str]:
    kinds = {fact.kind for fact in before}
    return {k for k in kinds if [f for f in before if f.kind == k] == [f for f in after if f.kind == k]}


async def fold(conn: Connection, gone: Changes, fresh: Changes, kept: Kept, slot: int) -> None:
    """Take facts away and add others, with what they give to the slices. ``slot``: see store.slots."""
    for over in sorted(gone):
        await facts.remove(conn, over, gone[over], kept, slot)
    for over in sorted(fresh):
        await facts.add(conn, over, fresh[over], kept, slot)
    if gone:
        await slices.sweep(conn)


async def take_keys(conn: Connection, gone: Changes, fresh: Changes, kept: Kept, shift: int) -> None:
    """Tell the key sets. Last of all, because whoever changes them is alone with them until the transaction ends."""
    touched = sorted(over for over in gone.keys() | fresh.keys() if kept.of(over).keys)
    if touched:
        await keys.lock(conn)
    for over in touched:
        await facts.take_keys(conn, over, gone.get(over, []), fresh.get(over, []), kept, shift)
