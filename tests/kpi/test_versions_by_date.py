"""A version holds from a day on: a window is measured by what holds on its last day, and old versions stay readable."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from chassis.bus import Record
from chassis.db import Connection, Database
from contracts import envelope
from contracts.kpi import ValueChanged
from services.kpi.domain.definitions import BadDefinition
from services.kpi.domain.errors import BadQuestion, VersionNotFound
from services.kpi.domain.periods import named
from services.kpi.domain.saved import KeyReused
from services.kpi.domain.sight import Sight
from services.kpi.handlers import define, drafts, versions
from services.kpi.handlers.announce import announce_changes
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.questions import Question
from services.kpi.store import marks
from tests.kpi.answers import answered

NOW = dt.datetime(2026, 4, 10, 15, 0, tzinfo=dt.UTC)
MARCH = dt.date(2026, 3, 1)
SALES: dict[str, Any] = {
    "label": {"en": "Sales"},
    "kind": "simple",
    "over": "order",
    "measure": "sum",
    "field": "amount",
    "unit": "money",
    "direction": "up",
}
LARGE = SALES | {"where": [{"field": "amount", "operator": "gte", "value": "10"}]}
BOTH = {
    "label": {"en": "d"},
    "kind": "derived",
    "unit": "money",
    "direction": "up",
    "expression": "mine + sales_amount",
}
GROWTH = {"label": {"en": "g"}, "kind": "growth", "unit": "percent", "direction": "up", "of": "mine"}


@pytest.fixture
async def conn(clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Any) -> Any:
    """In each month from January to March orders of 10 and 5; from March on only large ones are sales."""
    async with clean.connection() as conn:
        transaction = conn.transaction()
        await transaction.start()
        orders = [
            event("placed", f"{m} {a}", f"2026-{m:02d}-15T17:00:00Z", order_id=f"{m} {a}", amount=a, currency="USD",
                  credits=[])
            for m in (1, 2, 3) for a in ("10", "5")
        ]  # fmt: skip
        await apply_events(conn, [record(e) for e in orders], zone)
        for key, body in (("mine", SALES), ("both", BOTH), ("growth", GROWTH)):
            await define.publish(conn, key, body, NOW, "me")
        await define.publish(conn, "mine", LARGE, NOW, "me", MARCH)
        yield conn
        await transaction.rollback()


async def read(conn: Connection, key: str, *periods: str, version: int | None = None) -> list[Any]:
    question = Question("company", None, [named(p) for p in periods], NOW.date())
    page = await answered(conn, key, question, Sight(), "", 50, version)
    return [(a.window.name, a.value.text, page.measured_by[a.window].version) for a in page.answers]


async def test_a_window_is_measured_by_what_holds_on_its_last_day(conn: Connection) -> None:
    months = await read(conn, "mine", "2026-01", "2026-02", "2026-03", "2026-Q1", "2026-W09")
    assert months == [
        ("2026-01", "15", 1),
        ("2026-02", "15", 1),
        ("2026-03", "10", 2),
        ("2026-Q1", "30", 2),
        ("2026-W09", "0", 2),  # it ends on the first of March
    ]
    assert await read(conn, "both", "2026-02", "2026-03") == [("2026-02", "30", 1), ("2026-03", "25", 1)]


async def test_growth_compares_under_one_version(conn: Connection) -> None:
    assert await read(conn, "growth", "2026-02", "2026-03") == [("2026-02", "0.000000", 1), ("2026-03", "0.000000", 1)]


async def test_any_version_stays_readable_over_any_window(conn: Connection) -> None:
    assert await read(conn, "mine", "2026-01", "2026-03", version=1) == [("2026-01", "15", 1), ("2026-03", "15", 1)]
    assert await read(conn, "mine", "2026-01", "2026-03", version=2) == [("2026-01", "10", 2), ("2026-03", "10", 2)]
    with pytest.raises(VersionNotFound):
        await read(conn, "mine", "2026-01", version=3)
    await define.publish(conn, "mine", SALES | {"direction": "down"}, NOW, "me")
    found = [(v.published.version, v.published.status) for v in await versions.listed(conn, "mine", None, 10)]
    assert found == [(3, "published"), (2, "superseded"), (1, "superseded")]
    assert await read(conn, "mine", "2026-03", version=2) == [("2026-03", "10", 2)]


async def test_what_would_stand_on_itself_today_cannot_be_read(conn: Connection) -> None:
    await define.publish(conn, "both", LARGE, NOW, "me")
    await define.publish(conn, "mine", BOTH | {"expression": "both + 1"}, NOW, "me")
    with pytest.raises(BadQuestion):
        await read(conn, "both", "2026-03", version=1)


async def test_each_version_is_told_for_its_own_windows(conn: Connection) -> None:
    while waiting := [one for some in await marks.waiting(conn, 10_000) for one in some]:
        await announce_changes(conn, (await marks.take(conn, waiting))[0], NOW, NOW.date())
    rows = await conn.fetch("select value from outbox")
    told = [msgspec.json.decode(envelope.decode(r["value"]).data, type=ValueChanged) for r in rows]
    mine = {(v.grain, v.period_from.month): (v.definition_version, v.value) for v in told if v.kpi == "mine"}
    assert mine["month", 1] == (1, "15")
    assert mine["month", 3] == (2, "10")
    assert mine["year", 1] == (2, "30")


async def test_a_version_must_fit_in_on_every_day_that_it_holds_on(conn: Connection) -> None:
    with pytest.raises(BadDefinition) as caught:
        await define.publish(conn, "first", SALES, NOW, "me", MARCH)
    assert [f.pointer for f in caught.value.faults] == ["/valid_from"]
    count = SALES | {"measure": "count", "unit": "count"}
    count.pop("field")
    with pytest.raises(BadDefinition):
        await define.publish(conn, "mine", count, NOW, "me", dt.date(2027, 1, 1))
    free = BOTH | {"expression": "order_count * 2", "unit": "count"}
    await define.publish(conn, "both", free, NOW, "me", dt.date(2027, 1, 1))
    assert (await define.publish(conn, "mine", count, NOW, "me", dt.date(2027, 1, 1))).version == 3
    with pytest.raises(BadDefinition):  # in 2026 both stands on it still
        await define.publish(conn, "mine", count, NOW, "me")


async def test_a_draft_is_published_once_by_a_request_that_comes_twice(conn: Connection) -> None:
    body = SALES | {"where": [{"field": "amount", "operator": "lt", "value": "10"}]}
    await drafts.save(conn, "mine", body, NOW, "me", None)
    first = await drafts.publish(conn, "mine", NOW, "me", MARCH, "request 1")
    assert (first.version, first.status, first.valid_from) == (3, "published", MARCH)
    assert await drafts.publish(conn, "mine", NOW, "me", MARCH, "request 1") == first
    with pytest.raises(KeyReused):
        await drafts.publish(conn, "mine", NOW, "me", None, "request 1")
    assert await read(conn, "mine", "2026-02", "2026-03") == [("2026-02", "15", 1), ("2026-03", "5", 3)]
