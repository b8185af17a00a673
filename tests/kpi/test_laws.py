"""The laws of kpi: arrival order and batching do not matter, duplicates change nothing, kept equals recomputed."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.bus import Record
from chassis.db import Connection, Database
from services.kpi.domain.conditions import Condition
from services.kpi.domain.definitions import Definition, Published
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.rates import Rate
from services.kpi.domain.sight import Sight
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.exchange import restate
from services.kpi.handlers.read_quality import read_quality
from services.kpi.handlers.set_rates import set_rates
from services.kpi.store import conversions, definitions
from tests.kpi.kept import different
from tests.kpi.stories import histories

PEOPLE = [
    ("ann", 1, ("manager", "boss", "2026-01-01", "2026-02-01"), ("team", "red", "2026-01-01", None)),
    ("bob", 1, ("manager", "ann", "2026-01-30", None), ("team", "red", "2026-02-01", None)),
    ("cy", 1),
    ("boss", 1),
]
MOVED = [("ann", 2, ("manager", "boss", "2026-01-01", None), ("team", "blue", "2026-01-30", None)), ("nobody", 1)]

NOW = dt.datetime(2026, 2, 5, tzinfo=dt.UTC)
RATES = [
    Rate("EUR", dt.date(2026, 1, 30), Decimal("1.0834")),
    Rate("EUR", dt.date(2026, 2, 2), Decimal("1.1")),
    Rate("KWD", dt.date(2026, 2, 1), Decimal("3.25")),
]
CORRECTED = [Rate("EUR", dt.date(2026, 2, 1), Decimal("0.999")), Rate("KWD", dt.date(2026, 2, 1), Decimal("3.3"))]


def counts() -> list[Published]:
    """A definition for every kind of fact by every date that can count, so that slices of all of them are kept."""
    pairs = [(kind.name, anchor) for kind in FACT_KINDS.values() for anchor in kind.anchors]
    large = [Condition(field="amount", operator="gte", value="200")]
    return [
        Published(
            Definition(
                key="customers_with_large_orders",
                label={"en": "Customers with large orders"},
                kind="simple",
                over="order",
                measure="count_distinct",
                field="customer_id",
                where=large,
                unit="count",
                direction="up",
            ),
            1,
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            "me",
        ),
    ] + [
        Published(
            Definition(
                key=f"{over}_by_{time}",
                label={"en": f"{over} by {time}"},
                kind="simple",
                over=over,
                measure="count",
                time=time,
                unit="count",
                direction="up",
            ),
            1,
            dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
            "me",
        )
        for over, time in pairs
    ]


async def tables(conn: Connection) -> list[Any]:
    """Everything that can be read of kpi's state."""
    facts = [f"select * from {kind.table} order by object_id, entry, line" for kind in FACT_KINDS.values()]
    queries = (
        *facts,
        "select measure_id, kind, subject, day, slot, value, facts from slice order by 1, 2, 3, 4, 5",
        "select * from key_day order by 1, 2, 3, 4, 5",
        "select * from key_slice order by 1, 2, 3, 4, 5",
        "select pair, object, content from seen union select pair, object, content from repeated_id order by 1, 2",
        "select object_id, kind, partition, status, excess from object_history order by 1, 2",
        "select object_kind, object_id, currency, day, rate from conversion order by 1, 2, 3, 4",
    )
    return [[tuple(r) for r in await conn.fetch(q)] for q in queries]


async def run(
    database: Database,
    zone: ZoneInfo,
    batches: Sequence[Sequence[Record]],
    people: Sequence[tuple[int, Sequence[Record]]],
    rates: Sequence[tuple[int, Sequence[Rate]]],
) -> list[Any]:
    """Apply batches in an empty kpi (people and rates before the batch of their number), look, and roll back.

    What a rate changes is restated between the batches, little by little.
    """
    try:
        async with database.transaction() as conn:
            for published in counts():
                await definitions.publish(conn, published)
            for n, batch in enumerate([*batches, []]):
                for at, records in people:
                    if at == n:
                        await apply_people(conn, records)
                for at, some in rates:
                    if at == n:
                        await set_rates(conn, some, "USD", NOW, "me")
                await restate(conn, 1)
                if batch:
                    await apply_events(conn, batch, zone)
            while await restate(conn, 2):
                pass
            assert (await conversions.at_other_rates(conn))[1] == []
            assert await different(conn) == []
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
    told = [(0, first), (len(history), moved)]
    plain = await run(clean, zone, [[record(e)] for e in history], told, [(0, RATES), (0, CORRECTED)])
    shuffled = history + history
    dice.shuffle(shuffled)
    batches: list[list[Record]] = []
    while shuffled:
        size = dice.randint(1, 7)
        batches.append([record(e) for e in shuffled[:size]])
        shuffled = shuffled[size:]
    at = dice.randint(0, len(batches))
    told = [(at, first), (dice.randint(at, len(batches)), moved)]
    at = dice.randint(0, len(batches))
    other = await run(clean, zone, batches, told, [(at, RATES), (dice.randint(at, len(batches)), CORRECTED)])
    assert other == plain


async def test_a_pair_of_another_object_counts_beside_and_is_listed(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Callable[..., dict[str, Any]]
) -> None:
    placed = {"amount": "10", "currency": "USD", "credits": []}
    first = event("placed", "1", "2026-02-01T12:00:00Z", order_id="o", **placed)
    second = event("placed", "1", "2026-02-01T12:00:00Z", order_id="p", **placed)
    note = event("credit_note.issued", "1", "2026-02-01T12:00:00Z", credit_note_id="o", **placed | {"amount": "3"})
    other = event("placed", "1", "2026-02-01T12:00:00Z", order_id="p", **placed | {"amount": "11"})
    async with clean.transaction() as conn:
        await apply_events(conn, [record(first), record(second), record(note), record(other), record(second)], zone)
        await apply_events(conn, [record(other), record(note), record(first)], zone)
        assert await conn.fetchval("select sum(amount) from order_fact") == 17
        repeated = await read_quality(conn, "repeated_id", Sight(), "", 50)
        assert {(i["object_kind"], i["object_id"]) for i in repeated} == {("order", "p"), ("credit_note", "o")}
        conflicts = await read_quality(conn, "conflict", Sight(), "", 50)
        assert [(i["object_id"], i["source"], i["id"]) for i in conflicts] == [("p", "crm", "1")] * 2


async def test_what_ends_before_it_begins_is_listed_for_those_whom_it_counts_for(
    clean: Database,
    zone: ZoneInfo,
    record: Callable[..., Record],
    event: Callable[..., dict[str, Any]],
    person: Callable[..., Record],
) -> None:
    """Two events that contradict each other: either may be the wrong one."""
    of_ann, of_bob = ({"case_id": name, "rep_id": name} for name in ("ann", "bob"))
    deal = {"opportunity_id": "deal", "rep_id": "ann"}
    events = [
        event("case.opened", "1", "2026-02-01T12:00:00Z", **of_ann),
        event("case.responded", "2", "2026-02-01T11:59:59.5Z", **of_ann),
        event("case.resolved", "3", "2026-02-01T11:00:00Z", **of_ann),
        event("case.opened", "4", "2026-02-01T12:00:00Z", **of_bob),
        event("case.resolved", "5", "2026-02-01T12:00:00Z", **of_bob),
        event("opportunity.won", "6", "2026-02-01T12:00:00Z", **deal),
        event("opportunity.opened", "7", "2026-02-02T12:00:00Z", **deal),
    ]
    expected = [
        ("case", "ann", "first_response_seconds", "-0.500000"),
        ("case", "ann", "resolution_seconds", "-3600"),
        ("opportunity", "deal", "cycle_seconds", "-86400"),
    ]
    async with clean.transaction() as conn:
        await apply_people(conn, [person("ann", 1), person("bob", 1)])
        await apply_events(conn, [record(e) for e in events], zone)
        for sight, seen in ((Sight(), expected), (Sight(own="ann"), expected), (Sight(own="bob"), [])):
            found = await read_quality(conn, "negative_duration", sight, "", 50)
            assert [(i["object_kind"], i["object_id"], i["field"], i["seconds"]) for i in found] == seen
        first, *rest = await read_quality(conn, "negative_duration", Sight(), "", 50)
        assert await read_quality(conn, "negative_duration", Sight(), first["cursor"], 50) == rest


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
