"""What kpi does with records beside those of orders: fields are learnt, and what it does not read is passed over."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from chassis.bus import Partition, Record
from chassis.db import Database
from contracts import envelope
from contracts.custom_fields import CUSTOM_FIELD_DECLARED, CustomField
from contracts.topics import CUSTOM_FIELDS
from services.kpi.domain.errors import Malformed
from services.kpi.handlers.apply_custom_fields import apply_custom_fields
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.in_force import in_force

NOW = dt.datetime(2026, 3, 10, tzinfo=dt.UTC)
_offsets = itertools.count()


def declared(name: str, version: int, type: Any, active: bool = True) -> Record:
    field = CustomField(
        name=name, version=version, type=type, required=False, event_types=[], active=active, decided_at=NOW
    )
    event = envelope.encode(
        type=CUSTOM_FIELD_DECLARED, source="/merit/ingest", id=f"{name}/{version}", time=NOW, data=field
    )
    return Record(Partition(CUSTOM_FIELDS.name, 0), next(_offsets), name.encode(), event, (), NOW)


@pytest.mark.parametrize("batches", [[[0], [1], [2]], [[2, 1, 0]], [[0, 2], [1]], [[0, 1, 2], [0, 1, 2]]])
async def test_the_newest_word_on_a_field_holds(clean: Database, batches: Sequence[Sequence[int]]) -> None:
    told = [declared("margin", 1, "decimal"), declared("margin", 2, "decimal", False), declared("since", 1, "date")]
    for batch in batches:
        async with clean.transaction() as conn:
            await apply_custom_fields(conn, [told[n] for n in batch])
    async with clean.transaction() as conn:
        assert (await in_force(conn)).custom == {"margin": "decimal", "since": "date"}
        rows = [tuple(r) for r in await conn.fetch("select name, version, active from custom_field order by name")]
    assert rows == [("margin", 2, False), ("since", 1, True)]


async def test_what_is_no_declaration_is_refused(clean: Database) -> None:
    event = envelope.encode(type=CUSTOM_FIELD_DECLARED, source="x", id="1", time=NOW, data={"name": "x"})
    with pytest.raises(Malformed):
        async with clean.transaction() as conn:
            await apply_custom_fields(conn, [Record(Partition(CUSTOM_FIELDS.name, 0), 0, b"x", event, (), NOW)])


async def test_a_type_of_event_that_is_not_read_is_passed_over(clean: Database, zone: ZoneInfo) -> None:
    event = envelope.encode(type="crm.later.added.v1", source="crm", id="1", time=NOW, data={"later_id": "1"})
    record = Record(Partition("crm-service", 0), 0, b"1", event, (), NOW)
    async with clean.transaction() as conn:
        await apply_events(conn, [record], zone)
        assert await conn.fetchval("select count(*) from seen") == 0


@pytest.mark.parametrize("amount", ["NaN", "-1", "1e9", "9" * 21, "1.12345678901"])
async def test_an_amount_that_our_door_would_refuse_is_refused(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Callable[..., dict[str, Any]], amount: str
) -> None:
    """Who else can write to the log must not have it counted."""
    placed = event("placed", "1", "2026-02-05T17:00:00Z", order_id="1", amount=amount, currency="USD", credits=[])
    with pytest.raises(Malformed):
        async with clean.transaction() as conn:
            await apply_events(conn, [record(placed)], zone)


@pytest.mark.parametrize("place", ["order_id", "customer_id", "territory"])
async def test_a_null_character_is_poison_and_holds_no_key(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Callable[..., dict[str, Any]], place: str
) -> None:
    said = {"order_id": "1", "amount": "1", "currency": "USD", "credits": [], place: "a\0"}
    with pytest.raises(Malformed):
        async with clean.transaction() as conn:
            await apply_events(conn, [record(event("placed", "1", "2026-02-05T17:00:00Z", **said))], zone)


async def test_what_is_no_event_is_refused(clean: Database, zone: ZoneInfo) -> None:
    for value in (b"poison", msgspec.json.encode({"type": "crm.order.placed.v1"})):
        with pytest.raises(Malformed):
            async with clean.transaction() as conn:
                await apply_events(conn, [Record(Partition("crm-sales", 0), 0, b"1", value, (), NOW)], zone)
