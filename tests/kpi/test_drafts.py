"""A definition is written, previewed on real data beside the published one, and changes nothing by that."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.bus import Record
from chassis.db import Connection, Database
from chassis.patience import TooSlow, within
from services.kpi.domain.definitions import BadDefinition
from services.kpi.domain.errors import DraftChanged, DraftNotFound, SubjectNotFound
from services.kpi.domain.periods import named
from services.kpi.domain.sight import Sight
from services.kpi.handlers import drafts
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.preview import preview
from services.kpi.handlers.questions import Question

NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
LARGE: dict[str, Any] = {
    "label": {"en": "Sales by large orders"},
    "kind": "simple",
    "over": "order",
    "measure": "sum",
    "field": "amount",
    "where": [{"field": "amount", "operator": "gte", "value": "10"}],
    "unit": "money",
    "direction": "up",
}


@pytest.fixture
async def conn(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Any, person: Callable[..., Record]
) -> Any:
    """ann sold 10 and 4 in January; bob 3. Whatever a test does is rolled back."""
    sold = [("1", "ann", "10"), ("2", "ann", "4"), ("3", "bob", "3")]
    async with clean.connection() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await apply_people(conn, [person("ann", 1), person("bob", 1)])
        orders = [
            event("placed", i, "2026-01-15T17:00:00Z", order_id=i, amount=amount, currency="USD",
                  credits=[{"rep_id": rep, "share": "1"}])
            for i, rep, amount in sold
        ]  # fmt: skip
        await apply_events(conn, [record(e) for e in orders], zone)
        yield conn
        await transaction.rollback()


async def seen(conn: Connection, key: str, body: dict[str, Any] | None, sight: Sight, *asked: str) -> list[Any]:
    question = Question("rep", list(asked) or None, [named("2026-01")], NOW.date())
    page = await preview(conn, key, body, question, sight, "", 50)
    return [(s.draft.subject, s.draft.value.text, s.published.value.text if s.published else None) for s in page.seen]


async def test_a_preview_stands_beside_the_published_version_and_within_the_callers_sight(conn: Connection) -> None:
    everything = [("ann", "10", "14"), ("bob", "0", "3")]
    kept = await conn.fetchval("select count(*) from slice")
    assert await seen(conn, "sales_amount", LARGE, Sight()) == everything
    assert await seen(conn, "large", LARGE, Sight()) == [("ann", "10", None)], "who has no fact by either is left out"
    assert await seen(conn, "sales_amount", LARGE, Sight(own="bob")) == everything[1:]
    with pytest.raises(SubjectNotFound):
        await seen(conn, "sales_amount", LARGE, Sight(own="bob"), "ann")
    assert await conn.fetchval("select count(*) from slice") == kept
    growth = {"label": {"en": "g"}, "kind": "growth", "of": "sales_amount", "unit": "percent", "direction": "up"}
    assert (await seen(conn, "mine", growth, Sight(), "ann"))[0][1] is None


async def test_a_draft_is_checked_when_it_is_saved_and_what_it_was_saved_for_again(conn: Connection) -> None:
    with pytest.raises(BadDefinition) as caught:
        await drafts.save(conn, "large", LARGE | {"field": "size", "time": "never"}, NOW, "me", None)
    assert {f.pointer for f in caught.value.faults} == {"/field", "/time"}
    first = await drafts.save(conn, "large", LARGE, NOW, "me", None)
    with pytest.raises(DraftChanged):
        await drafts.save(conn, "large", LARGE | {"unit": "money"}, NOW, "me", '"another"')
    with pytest.raises(DraftChanged):
        await drafts.save(conn, "other", LARGE, NOW, "me", first.etag)
    second = await drafts.save(conn, "large", LARGE | {"direction": "down"}, NOW, "me", first.etag)
    assert (await drafts.read(conn, "large"), second.etag == first.etag) == (second, False)
    assert [d.definition.key for d in await drafts.listed(conn, "", 10)] == ["large"]
    assert await seen(conn, "large", None, Sight()) == [("ann", "10", None)]
    await drafts.discard(conn, "large", second.etag)
    for again in (drafts.discard(conn, "large", None), seen(conn, "large", None, Sight())):
        with pytest.raises(DraftNotFound):
            await again


async def test_what_takes_too_long_says_so(clean: Database) -> None:
    with pytest.raises(TooSlow):
        async with clean.transaction() as conn, within(1):
            await conn.execute("select pg_sleep(5)")
    async with clean.transaction() as conn:
        assert await conn.fetchval("select 1") == 1
