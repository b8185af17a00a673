"""The laws of kpi: arrival order and batching do not matter, duplicates change nothing, kept equals recomputed."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.bus import Record
from chassis.db import Connection, Database
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.in_force import measures_in_force
from services.kpi.store import verification

REPS = ["ann", "bob", "cy", "nobody"]
days = st.dates(dt.date(2026, 1, 28), dt.date(2026, 2, 4))
cents = st.decimals(min_value=0, max_value=500, places=4).map(lambda d: format(d, "f"))
credits = st.sampled_from(
    [
        [],
        [{"rep_id": "ann", "share": "1"}],
        [{"rep_id": "bob", "share": "1"}],
        [{"rep_id": "nobody", "share": "1"}],
        [{"rep_id": "ann", "share": "0.3"}, {"rep_id": "bob", "share": "0.7"}],
        [{"rep_id": "ann", "share": "1"}, {"rep_id": "cy", "share": "0.5", "overlay": True}],
    ]
)


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Up to five orders, each with whatever a CRM may say of it, in any order, some of it twice."""
    events: list[dict[str, Any]] = []
    for order in range(draw(st.integers(1, 5))):
        for n, kind in enumerate(
            draw(st.lists(st.sampled_from(["placed", "amended", "refunded", "cancelled"]), max_size=5))
        ):
            data: dict[str, Any] = {"order_id": f"o{order}"}
            if kind in ("placed", "amended"):
                data |= {"amount": draw(cents), "currency": "USD", "credits": draw(credits)}
                data |= draw(st.sampled_from([{}, {"customer_id": "c1"}, {"customer_id": "c2", "territory": "north"}]))
                data |= draw(st.sampled_from([{}, {"revision": 1}, {"revision": 2}]))
            if kind == "refunded":
                data |= draw(st.sampled_from([{}, {"refund_id": "r1"}, {"refund_id": f"{order}-0"}])) | {
                    "amount": draw(cents)
                }
            if draw(st.booleans()):
                data["business_date"] = draw(days).isoformat()
            event = {"specversion": "1.0", "type": f"crm.order.{kind}.v1", "id": f"{order}-{n // 2}"}
            event["source"] = draw(st.sampled_from(["crm", "web"]))
            events.append(event | {"time": f"{draw(days)}T03:00:00Z", "data": data})
    events = list({(e["data"]["order_id"], e["source"], e["id"]): e for e in events}.values())  # no conflicts
    return events + draw(st.lists(st.sampled_from(events), max_size=3)) if events else []


PEOPLE = [
    ("ann", 1, ("manager", "boss", "2026-01-01", "2026-02-01"), ("team", "red", "2026-01-01", None)),
    ("bob", 1, ("manager", "ann", "2026-01-30", None), ("team", "red", "2026-02-01", None)),
    ("cy", 1),
    ("boss", 1),
]
MOVED = [("ann", 2, ("manager", "boss", "2026-01-01", None), ("team", "blue", "2026-01-30", None)), ("nobody", 1)]


async def tables(conn: Connection) -> list[Any]:
    """Everything that can be read of kpi's state."""
    queries = (
        "select object_id, entry, line, rep_id, day, order_day, amount from order_fact order by 1, 2, 3",
        "select measure_id, kind, subject, day, partition, value, facts from slice order by 1, 2, 3, 4, 5",
        "select pair, object, content from seen union select pair, object, content from repeated_id order by 1, 2",
    )
    return [[tuple(r) for r in await conn.fetch(q)] for q in queries]


async def run(
    database: Database,
    zone: ZoneInfo,
    batches: Sequence[Sequence[Record]],
    people: Sequence[tuple[int, Sequence[Record]]],
) -> list[Any]:
    """Apply batches in an empty kpi (people before the batch of their number), look, and roll back."""
    try:
        async with database.transaction() as conn:
            for n, batch in enumerate([*batches, []]):
                for at, records in people:
                    if at == n:
                        await apply_people(conn, records)
                if batch:
                    await apply_events(conn, batch, zone)
            for measure in await measures_in_force(conn):
                if measure.additive:
                    assert (await verification.slices_that_differ(conn, measure))[1] == []
            raise Done(await tables(conn))
    except Done as done:
        return done.found


class Done(Exception):
    """Carries what was seen out of a transaction that must not commit."""

    def __init__(self, found: list[Any]) -> None:
        self.found = found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), seed=st.integers(0, 2**32))
async def test_any_order_any_batches_any_repetition_give_the_same_state(
    clean: Database,
    zone: ZoneInfo,
    record: Callable[..., Record],
    person: Callable[..., Record],
    history: list[dict[str, Any]],
    seed: int,
) -> None:
    dice = random.Random(seed)
    first, moved = [person(*p) for p in PEOPLE], [person(*p) for p in MOVED]
    plain = await run(clean, zone, [[record(e)] for e in history], [(0, first), (len(history), moved)])
    shuffled = history + history
    dice.shuffle(shuffled)
    batches: list[list[Record]] = []
    while shuffled:
        size = dice.randint(1, 7)
        batches.append([record(e) for e in shuffled[:size]])
        shuffled = shuffled[size:]
    at = dice.randint(0, len(batches))
    other = await run(clean, zone, batches, [(at, first), (dice.randint(at, len(batches)), moved)])
    assert other == plain


async def test_the_same_identity_with_another_content_is_kept_and_not_applied(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Callable[..., dict[str, Any]]
) -> None:
    first = event("placed", "1", "2026-02-01T12:00:00Z", order_id="o", amount="10", currency="USD", credits=[])
    other = event("placed", "1", "2026-02-01T12:00:00Z", order_id="o", amount="11", currency="USD", credits=[])
    async with clean.transaction() as conn:
        await apply_events(conn, [record(first), record(other)], zone)
    async with clean.transaction() as conn:
        await apply_events(conn, [record(other), record(first)], zone)
        assert await conn.fetchval("select sum(amount) from order_fact") == 10
        assert await conn.fetchval("select count(*) from conflict") == 2
