"""Texts that no index of PostgreSQL's could hold are keys of sets like any others."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.bus import Record
from chassis.db import Connection, Database
from contracts.envelope import ID_BYTES_MAX
from services.kpi.domain.periods import named
from services.kpi.domain.sight import ALL, Sight
from services.kpi.handlers import define
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.backfill import Chunk, advance
from services.kpi.handlers.questions import Question
from tests.kpi.answers import answered
from tests.kpi.kept import different

NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)
_dice = random.Random(7)


def random_text(characters: int) -> str:
    """Of four bytes each, and nothing that compressing makes shorter."""
    return "".join(chr(_dice.randint(0x20000, 0x2A6D0)) for _ in range(characters))


NOTE, OTHER, PRODUCT = random_text(9_000), random_text(9_000), random_text(1_024)
NOTES = [NOTE, OTHER, NOTE, "short", None]
SAID: dict[str, Any] = {"label": {"en": "Notes"}, "kind": "simple", "unit": "count", "direction": "up"}
OF_NOTES = SAID | {"over": "order", "field": "attributes.note"}
COUNTED: dict[str, tuple[dict[str, Any], str]] = {
    "notes": (OF_NOTES | {"measure": "count_distinct"}, "3"),
    "repeated_notes": (OF_NOTES | {"measure": "count_entities", "at_least": 2}, "1"),
    "new_notes": (OF_NOTES | {"measure": "count_entities", "first": True}, "3"),
    "products": (SAID | {"over": "order_line", "measure": "count_distinct", "field": "product"}, "2"),
}


@pytest.fixture
async def conn(clean: Database, record: Callable[..., Record], person: Any) -> Any:
    """Whatever a test does is rolled back."""
    async with clean.connection() as conn:
        transaction = conn.transaction()
        await transaction.start()
        await apply_people(conn, [person("boss", 1), person("ann", 1, ("manager", "boss", "2026-01-01", None))])
        yield conn
        await transaction.rollback()


async def sell(conn: Connection, zone: ZoneInfo, record: Callable[..., Record], event: Any) -> None:
    """Five orders, of which two say the same long text."""
    events = [
        event("placed", str(n), "2026-02-03T17:00:00Z", order_id=f"o{n}", amount="1", currency="USD",
              credits=[{"rep_id": "ann", "share": "1"}], attributes={"note": note},
              lines=[{"product": PRODUCT if note else "bike", "amount": "1"}])
        for n, note in enumerate(NOTES)
    ]  # fmt: skip
    await apply_events(conn, [record(e) for e in events], zone)


async def publish(conn: Connection) -> None:
    for key, (body, _) in COUNTED.items():
        await define.queue(conn, key, body, NOW, "me", None)
    while await advance(conn, NOW, Chunk(2)):
        pass


async def values(conn: Connection, kind: str = "company", sight: Sight = ALL) -> dict[str, str | None]:
    asked = Question(kind, None, [named("2026-02")], NOW.date())
    return {key: (await answered(conn, key, asked, sight, "", 5)).answers[0].value.text for key in COUNTED}


@pytest.mark.parametrize("published_first", [True, False])
async def test_a_long_text_is_counted_whether_its_event_or_the_definition_came_first(
    conn: Connection, zone: ZoneInfo, record: Callable[..., Record], event: Any, published_first: bool
) -> None:
    if published_first:
        await publish(conn)
        await sell(conn, zone, record, event)
    else:
        await sell(conn, zone, record, event)
        await publish(conn)
    expected = {key: value for key, (_, value) in COUNTED.items()}
    assert await values(conn) == expected
    assert await values(conn, "rep", Sight(tree="boss")) == expected, "of facts, as the tree's dates decide"
    assert await different(conn) == []
    gone = [event("cancelled", f"c{n}", "2026-02-04T17:00:00Z", order_id=f"o{n}") for n in (0, 1)]
    await apply_events(conn, [record(e) for e in gone], zone)
    assert await values(conn) == {"notes": "2", "repeated_notes": "0", "new_notes": "2", "products": "2"}
    assert await different(conn) == []


def id_of(n: int) -> str:
    """As wide as an id may be; no two of them are alike."""
    return str(n) + random_text((ID_BYTES_MAX - 1) // 4)


async def test_what_has_the_widest_ids_is_counted(
    conn: Connection, zone: ZoneInfo, record: Callable[..., Record], event: Any, person: Any
) -> None:
    """The widest keys meet in one index: the order's id, and the source and the id of what is said of it."""
    rep, boss, team, territory, order, waiting = map(id_of, range(6))
    source, on, money = id_of(6), "2026-02-03T17:00:00Z", {"amount": "10", "currency": "EUR"}
    said: dict[str, Any] = {"customer_id": id_of(7), "territory": territory, "credits": [{"rep_id": rep, "share": "1"}]}
    said |= money | {"lines": [{"product": PRODUCT, "amount": "10"}]}
    paid = {"order_id": order, "payment_id": id_of(8), **money}
    events = [
        event("placed", id_of(1), on, source, order_id=order, **said),
        event("refunded", id_of(2), on, source, order_id=order, refund_id=id_of(9), amount="1"),
        event("payment.received", id_of(3), on, source, **paid),
        event("payment.reversed", id_of(4), on, source, **paid),
        event("credit_note.issued", id_of(5), on, source, credit_note_id=order, **said),
        event("refunded", id_of(6), on, source, order_id=waiting, amount="1"),
    ]
    await publish(conn)
    places = [
        (kind, of, "2026-01-01", None) for kind, of in (("manager", boss), ("team", team), ("territory", territory))
    ]
    await apply_people(conn, [person(boss, 1), person(rep, 1, *places)])
    await apply_events(conn, [record(e) for e in events], zone)
    counted = [await conn.fetchval(f"select count(*) from {name}_fact") for name in ("order", "order_line", "payment")]
    assert (counted, await different(conn)) == ([3, 2, 2], [])
