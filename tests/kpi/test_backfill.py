"""A version is made from facts in chunks while batches come in, and what is kept equals recomputation at every step."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.bus import Record
from chassis.db import Connection, Database
from services.kpi.domain.errors import InUse, VersionSettled
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers import define, versions
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.backfill import Chunk, advance
from services.kpi.handlers.in_force import in_force
from services.kpi.store import making
from tests.kpi.kept import different
from tests.kpi.stories import histories
from tests.kpi.test_laws import MOVED, PEOPLE

NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
SAID: dict[str, Any] = {"label": {"en": "New"}, "kind": "simple", "direction": "up"}
WEB = [{"field": "attributes.channel", "operator": "eq", "value": "web"}]
SUM = SAID | {"over": "order", "measure": "sum", "field": "amount", "unit": "money"}
COUNT = SAID | {"over": "order", "measure": "count", "unit": "count", "where": WEB}
KEYS = SAID | {"over": "order", "field": "customer_id", "unit": "count"}
NEW: list[tuple[str, dict[str, Any], str | None]] = [
    ("web_sales", SUM | {"where": WEB}, None),
    ("web_orders", COUNT, None),
    ("web_customers", KEYS | {"measure": "count_distinct", "where": WEB}, None),
    ("keen_customers", KEYS | {"measure": "count_entities", "at_least": 3}, None),  # a set that is kept, counted anew
    ("open_cases", SAID | {"kind": "stock", "over": "case", "measure": "count", "unit": "count",
                           "from": "opened_at", "until": "resolved_at"}, None),
    ("sales_amount", SUM | {"where": WEB}, "2026-02-01"),
    ("order_count", COUNT, None),
    ("double", SAID | {"kind": "derived", "unit": "money", "expression": "web_sales * 2"}, None),
]  # fmt: skip


async def enqueue(conn: Connection, key: str, body: dict[str, Any], valid_from: str | None = None) -> int:
    day = dt.date.fromisoformat(valid_from) if valid_from else None
    return (await define.queue(conn, key, body, NOW, "me", day)).version


async def crashed(conn: Connection) -> None:
    """A step whose process dies before it commits."""
    savepoint = conn.transaction()
    await savepoint.start()
    await advance(conn, NOW, Chunk(2))
    await savepoint.rollback()


async def withdrawn(conn: Connection) -> None:
    """The last that waits changes its mind, in the middle of being made or counted or not."""
    if queue := (await in_force(conn)).queue:
        await define.withdraw(conn, queue[-1].definition.key, queue[-1].version)


async def assert_settled(conn: Connection, known: Timeline) -> None:
    """Nothing waits, and nothing is kept that nobody needs."""
    assert (known.queue, await making.progress(conn), await making.next_remark(conn)) == ((), [], None)
    kept = {r["measure_id"] for r in await conn.fetch("select distinct measure_id from slice")}
    assert kept <= known.kept.measure_ids
    assert {r["set_id"] for r in await conn.fetch("select distinct set_id from key_day")} <= set(known.kept.keys)
    counts = {tuple(r) for r in await conn.fetch("select distinct set_id, at_least from key_slice")}
    assert counts <= {(i, n) for i, kept in known.kept.keys.items() for n in kept.thresholds}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), seed=st.integers(0, 2**32))
async def test_whatever_comes_in_meanwhile_counts_once(
    clean: Database,
    zone: ZoneInfo,
    record: Callable[..., Record],
    person: Callable[..., Record],
    history: list[dict[str, Any]],
    seed: int,
) -> None:
    dice = random.Random(seed)
    events = history + dice.sample(history, len(history) // 2)
    dice.shuffle(events)
    steps: list[Any] = [[record(e) for e in events[n : n + 3]] for n in range(0, len(events), 3)]
    steps += [[person(*p) for p in MOVED], *dice.sample(NEW, 4), *(["advance"] * 14), "crash", "crash", "withdraw"]
    dice.shuffle(steps)
    async with clean.connection() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await apply_people(conn, [person(*p) for p in PEOPLE])
        for step in steps:
            await take(conn, step, zone)
        assert await different(conn) == []
        while await advance(conn, NOW, Chunk(2)):
            pass
        await assert_settled(conn, await in_force(conn))
        assert await different(conn) == []
        await transaction.rollback()


async def take(conn: Connection, step: Any, zone: ZoneInfo) -> None:
    match step:
        case "advance":
            await advance(conn, NOW, Chunk(2))
        case "crash":
            await crashed(conn)
        case "withdraw":
            await withdrawn(conn)
        case tuple() if step[0] != "double" or "web_sales" in (await in_force(conn)).coming.on(dt.date.max).published:
            await enqueue(conn, *step)
        case list():
            person = step[0].partition.topic.startswith("directory")
            await (apply_people(conn, step) if person else apply_events(conn, step, zone))


@pytest.fixture
async def conn(clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Any) -> Any:
    """Six orders, of 1 to 6 in January. Whatever a test does is rolled back."""
    orders = [placed(event, n) for n in range(1, 7)]
    async with clean.connection() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await apply_events(conn, [record(e) for e in orders], zone)
        while await advance(conn, NOW):
            pass
        yield conn
        await transaction.rollback()


def placed(event: Any, n: int) -> dict[str, Any]:
    more = {"attributes": {"channel": "web"}, "customer_id": f"c{n % 2}"}
    on = "2026-01-15T17:00:00Z"
    found: dict[str, Any] = event(
        "placed", str(n), on, order_id=f"o{n}", amount=str(n), currency="USD", credits=[], **more
    )
    return found


async def statuses(conn: Connection, *keys: str) -> dict[str, Sequence[tuple[int, str, int | None]]]:
    """Of each key its versions: number, status, and the facts made."""
    return {
        key: [
            (v.published.version, "building" if v.made else v.published.status, v.made and v.made.facts_done)
            for v in await versions.listed(conn, key, None, 10)
        ]
        for key in keys
    }


async def test_progress_shows_and_the_switch_is_one_step(conn: Connection) -> None:
    await enqueue(conn, "web_sales", SUM | {"where": WEB})
    await enqueue(conn, "double", SAID | {"kind": "derived", "unit": "money", "expression": "web_sales * 2"})
    seen = []
    while await advance(conn, NOW, Chunk(2)):
        found = await statuses(conn, "web_sales", "double")
        seen.append((found["web_sales"][0][1:], found["double"][0][1]))
        holds = "web_sales" in (await in_force(conn)).on(NOW.date()).published
        assert holds == (found["web_sales"][0][1] == "published")
    made = [("building", done) for done in (0, 2, 4, 6)]
    assert [s for s, _ in seen[:4]] == made
    assert {d for _, d in seen[:4]} == {"building"}
    assert seen[-1] == (("published", None), "published")


async def test_marks_are_made_in_chunks_and_stop_while_enough_wait(conn: Connection) -> None:
    await conn.execute("delete from changed")
    await enqueue(conn, "web_sales", SUM | {"where": WEB})
    while await advance(conn, NOW, Chunk(2)):
        pass
    marks = await conn.fetch("select family, kind, subject, day, count(*) from changed group by 1, 2, 3, 4")
    assert [tuple(m) for m in marks] == [("order day", "company", "company", dt.date(2026, 1, 15), 1)]


async def test_what_waits_or_is_being_made_can_be_withdrawn_unless_another_needs_it(conn: Connection) -> None:
    await enqueue(conn, "web_sales", SUM | {"where": WEB})
    await enqueue(conn, "double", SAID | {"kind": "derived", "unit": "money", "expression": "web_sales * 2"})
    for _ in range(3):
        await advance(conn, NOW, Chunk(2))
    with pytest.raises(InUse):
        await define.withdraw(conn, "web_sales", 1)
    await define.withdraw(conn, "double", 1)
    assert (await define.withdraw(conn, "web_sales", 1)).status == "withdrawn"
    with pytest.raises(VersionSettled):
        await define.withdraw(conn, "sales_amount", 1)
    while await advance(conn, NOW, Chunk(2)):
        pass
    await assert_settled(conn, await in_force(conn))
    assert await enqueue(conn, "web_sales", SUM | {"where": WEB}) == 2, "a number is never given twice"
    while await advance(conn, NOW, Chunk(2)):
        pass
    assert await different(conn) == []
    assert await statuses(conn, "web_sales") == {"web_sales": [(2, "published", None), (1, "withdrawn", None)]}


async def test_what_was_building_where_it_is_moved_from_is_begun_anew(conn: Connection) -> None:
    """Definitions are moved with the decisions; how far they were made is not."""
    await enqueue(conn, "web_sales", SUM | {"where": WEB})
    await enqueue(conn, "keen_customers", KEYS | {"measure": "count_entities", "at_least": 3})
    for _ in range(3):
        await advance(conn, NOW, Chunk(2))
    await making.end(conn)
    assert await different(conn) == []
    while await advance(conn, NOW, Chunk(2)):
        pass
    await assert_settled(conn, await in_force(conn))
    assert await different(conn) == []
    assert (await statuses(conn, "web_sales"))["web_sales"] == [(1, "published", None)]
