"""A round of announcing does a bounded part of its work at a time, and tells the same however small the parts are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from chassis.bus import Record
from chassis.clock import SystemClock
from chassis.db import Database
from contracts import envelope
from contracts.kpi import ValueChanged
from services.kpi.domain.rounds import portions, steps
from services.kpi.handlers.announce import STEP_PLACES, Announcer
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events

sizes = st.integers(1, 20)


@given(st.lists(st.lists(st.integers(), min_size=1, max_size=20)), sizes)
def test_a_step_has_enough_marks_and_no_more_than_whole_subjects_ask_for(waiting: list[list[int]], enough: int) -> None:
    found = list(steps(waiting, enough))
    assert list(chain(*found)) == list(chain(*waiting))
    for step in found[:-1]:
        assert enough <= len(step) < enough + 20


@given(st.dictionaries(st.text(max_size=3), st.sets(st.integers(), min_size=1, max_size=20)), sizes)
def test_a_portion_is_bounded_but_where_one_kpi_alone_is_larger(places: dict[str, set[int]], most: int) -> None:
    found = list(portions(places, most))
    assert [pair for portion in found for pair in portion.items()] == sorted(places.items())
    assert all(len(portion) == 1 or sum(map(len, portion.values())) <= most for portion in found)


async def test_a_round_in_small_parts_tells_the_same_in_more_transactions(
    clean: Database,
    zone: ZoneInfo,
    record: Callable[..., Record],
    person: Callable[..., Record],
    event: Callable[..., dict[str, Any]],
) -> None:
    reps = ("ann", "bob", "cid")

    def sold(rep: str, day: int) -> dict[str, Any]:
        order = {
            "order_id": f"{rep}{day}",
            "amount": "5",
            "currency": "USD",
            "credits": [{"rep_id": rep, "share": "1"}],
        }
        return event("placed", f"{rep}{day}", f"2026-03-{day}T12:00:00Z", **order)

    async def told(places: int) -> tuple[set[tuple[object, ...]], int]:
        """What a round tells, and by how many transactions."""
        async with clean.transaction() as conn:
            for table in ("seen", "object_history", "slice", "key_day", "key_slice", "order_fact", "announced_value"):
                await conn.execute(f"delete from {table}")
            await apply_people(conn, [person(rep, 1) for rep in reps])
            await apply_events(conn, [record(sold(rep, day)) for rep in reps for day in range(10, 14)], zone)
        assert await Announcer(clean, SystemClock(), zone, places).round(asyncio.Event())
        async with clean.transaction() as conn:
            assert not await conn.fetchval("select count(*) from changed")
            transactions = await conn.fetchval("select count(distinct xmin::text) from outbox")
            rows = await conn.fetch("delete from outbox returning value")
        values = [msgspec.json.decode(envelope.decode(r["value"]).data, type=ValueChanged) for r in rows]
        return {(v.kpi, v.subject, v.grain, v.period_from, v.value, v.version) for v in values}, transactions

    whole, once = await told(STEP_PLACES)
    assert once == 1
    assert await told(1) == (whole, len(reps) + len(("company",)))
