"""An answer is of one snapshot, whatever is committed while it is read; and one statement is enough where it can be."""

from __future__ import annotations

import datetime as dt
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.bus import Record
from chassis.db import Connection, Database
from services.kpi.domain.conditions import Condition
from services.kpi.domain.periods import named, split
from services.kpi.domain.sight import ALL, Sight
from services.kpi.handlers import define
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.in_force import in_force
from services.kpi.handlers.questions import Question
from services.kpi.handlers.read_values import Page, at_once, read_values
from tests.kpi.conftest import NOW, event_of, person_record, record_of
from tests.kpi.test_versions_by_date import SALES as MINE

MONTH = [named("2026-02")]
COUNT = {k: v for k, v in MINE.items() if k != "field"} | {"measure": "count", "unit": "count"}
Change = Callable[[Connection], Awaitable[Any]]


def sold(order: str, rep: str, amount: str) -> Record:
    credits = [{"rep_id": rep, "share": "1"}]
    said = {"order_id": order, "customer_id": order, "amount": amount, "currency": "USD", "credits": credits}
    return record_of(event_of("placed", order, "2026-02-15T17:00:00Z", **said))


@pytest.fixture
async def shop(clean: Database, zone: ZoneInfo) -> Database:
    """ann sold for 10, and bob, who is below her, for 5; ``mine`` is the sales amount."""
    async with clean.transaction() as conn:
        below = ("manager", "ann", "2026-01-01", None)
        await apply_people(conn, [person_record("ann", 1), person_record("bob", 1, below)])
        await apply_events(conn, [sold("1", "ann", "10"), sold("2", "bob", "5")], zone)
        await conn.execute("delete from definition where key = 'mine'")
        await define.publish(conn, "mine", MINE, NOW, "me")
        await conn.execute(
            "insert into position (topic, partition, next_offset, epoch, read_until) values ('t', 0, 1, 0, $1)", NOW
        )
    await told(clean, of("ann"))
    return clean


def of(*subjects: str, kind: str = "rep", **more: Any) -> Question:
    return Question(kind, subjects or None, MONTH, NOW.date(), **more)


async def told(database: Database, asked: Question) -> list[tuple[str, str | None]]:
    page = await read_values(database, "mine", asked, ALL, "", 50)
    return [(a.subject, a.value.text) for a in page.answers]


class Interrupted:
    """A connection after whose next statement something else is committed."""

    def __init__(self, conn: Connection, change: Callable[[], Awaitable[None]]) -> None:
        self._conn, self._change = conn, change

    async def fetch(self, query: str, *args: Any) -> list[Any]:
        rows = await self._conn.fetch(query, *args)
        await self._change()
        return rows


async def interrupted(database: Database, change: Change) -> Page | None:
    """A page of reps, with something committed after it is known who they are."""

    async def commit() -> None:
        async with database.transaction() as other:
            await change(other)

    async with database.connection() as conn:
        return await at_once(Interrupted(conn, commit), "mine", of(), ALL, "", 50)  # type: ignore[arg-type]


async def test_a_number_is_never_told_by_a_definition_that_no_longer_holds(shop: Database) -> None:
    async with shop.transaction("repeatable_read") as before, shop.connection() as conn:
        await in_force(before)
        async with shop.transaction() as other:
            await define.publish(other, "mine", COUNT, NOW, "me")
        await in_force(before)  # what this process saw last holds no more
        assert await at_once(conn, "mine", of("ann"), ALL, "", 50) is None
    assert await told(shop, of("ann")) == [("ann", "1")]
    assert await interrupted(shop, lambda conn: define.publish(conn, "mine", MINE, NOW, "me")) is None
    assert await told(shop, of()) == [("ann", "10"), ("bob", "5")]


async def test_who_comes_into_sight_meanwhile_is_not_left_out(shop: Database) -> None:
    assert await interrupted(shop, lambda conn: apply_people(conn, [person_record("cid", 1)])) is None


async def test_numbers_and_how_far_the_log_is_read_are_told_together(shop: Database, zone: ZoneInfo) -> None:
    later = NOW.replace(hour=16)

    async def counted(conn: Connection) -> None:
        await apply_events(conn, [sold("3", "ann", "1"), sold("4", "bob", "1")], zone)
        await conn.execute("update position set read_until = $1", later)

    page = await interrupted(shop, counted)
    assert page is not None
    assert ([a.value.text for a in page.answers], page.as_of) == (["11", "6"], later)


@pytest.mark.parametrize(
    ("asked", "sight", "at_once_too"),
    [
        (of("ann"), ALL, True),
        (of("bob", "ann"), ALL, True),
        (of(), ALL, True),
        (of("company", kind="company"), ALL, True),
        (of("ann", compare="previous_period"), ALL, True),
        (of("bob"), Sight(own="bob"), True),
        (of("ann"), Sight(tree="ann"), True),
        (of("bob"), Sight(tree="ann"), False),
        (of("ann"), Sight(own="bob"), False),
        (of("nobody"), ALL, False),
        (of("ann", by=("product",)), ALL, False),
        (of("ann", completeness=True), ALL, False),
        (of("ann", where=Condition(field="product", operator="not_set")), ALL, False),
    ],
)
async def test_what_is_answered_at_once(shop: Database, asked: Question, sight: Sight, at_once_too: bool) -> None:
    async with shop.connection() as conn:
        assert (await at_once(conn, "mine", asked, sight, "", 50) is not None) == at_once_too


async def test_many_cells_say_what_few_do(shop: Database) -> None:
    """Two reps over two months: by day they are looked up together, by month one by one."""
    for key, whole in (("mine", 15), ("customer_count", 2), ("orders_per_customer", 2)):
        for grain in ("day", "month"):
            windows = split(dt.date(2026, 2, 1), dt.date(2026, 4, 1), grain)
            asked = Question("rep", ["ann", "bob"], windows, NOW.date())
            async with shop.connection() as conn:
                page = await at_once(conn, key, asked, ALL, "", 50)
            assert page is not None
            assert len(page.answers) == 2 * len(windows)
            assert sum(Decimal(a.value.text or 0) for a in page.answers) == whole
