"""Transactions that write at once never wait for the same row, and what one of them added another may take away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from chassis import inbox
from chassis.bus import Record
from chassis.db import Connection, Database
from services.kpi.domain.measures import Measure
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.in_force import in_force
from services.kpi.store import marks, slots, verification


async def test_two_that_write_at_once_have_a_slot_each(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Callable[..., dict[str, Any]]
) -> None:
    def told(kind: str, id: str, deal: str, **said: str) -> Record:
        kind = f"opportunity.{kind}"
        return record(
            event(kind, id, "2026-02-01T12:00:00Z", opportunity_id=deal, rep_id="ann", currency="USD", **said)
        )

    async with clean.transaction() as conn:
        await apply_events(conn, [told("opened", "0", "known")], zone)  # who meets a new event type first waits once
    async with clean.transaction() as one, clean.transaction() as other:
        await apply_events(one, [told("opened", "1", "a", amount="10")], zone)
        await apply_events(other, [told("opened", "2", "b", amount="7")], zone)
    async with clean.transaction() as conn:
        measure = await pipeline_value(conn)
        assert await of_company(conn, measure) == [(0, 10, 1), (1, 7, 1)]
        await apply_events(conn, [told("updated", "3", "b", amount="2")], zone)
        assert await of_company(conn, measure) == [(0, 5, 1), (1, 7, 1)]
        assert await verification.slices_that_differ(conn, measure) == (1, [])


async def pipeline_value(conn: Connection) -> Measure:
    kept = (await in_force(conn)).kept.slices
    [measure] = [m for some in kept.values() for m in some if m.until and m.aggregate.field == "amount"]
    return measure


async def of_company(conn: Connection, measure: Measure) -> list[tuple[Any, ...]]:
    rows = await conn.fetch(
        "select slot, value, facts from slice where measure_id = $1 and kind = 'company' order by slot", measure.id
    )
    return [tuple(row) for row in rows]


async def test_a_slot_is_free_again_when_its_transaction_ends(clean: Database) -> None:
    for _ in range(2):
        async with clean.transaction() as one, clean.transaction() as other:
            assert [await slots.take(one), await slots.take(one), await slots.take(other)] == [0, 0, 1]


async def test_whether_events_are_being_counted_is_seen_until_their_batch_commits(
    clean: Database, record: Callable[..., Record], event: Callable[..., dict[str, Any]]
) -> None:
    one = record(event("placed", "1", "2026-02-01T12:00:00Z", order_id="a"))
    batch = [msgspec.structs.replace(one, offset=0)]
    async with clean.connection() as looking:
        for read in range(2):
            assert await marks.counting(looking) == (read, False)
            async with clean.transaction() as conn:
                await inbox.advance(conn, {one.partition: 1}, batch)
                in_a_batch = batch[0].offset > 0  # a position's very first one is not seen
                assert await marks.counting(looking) == (read, in_a_batch)
            batch = [msgspec.structs.replace(one, offset=1)]
