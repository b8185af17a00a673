"""Verification recomputes every kind of fact from the log, and names what is not as it should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chassis.bus import At, Record
from chassis.db import Connection, Database
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.verify import verify

Event = Callable[..., dict[str, Any]]


@dataclass(frozen=True)
class Told:
    """The reading half of a log that holds these records, one partition each."""

    records: Sequence[Record]

    async def read(self, at: At, limit: int) -> list[Record]:
        found = [r for r in self.records if r.partition == at.partition and r.offset >= at.offset]
        return sorted(found, key=lambda r: r.offset)[:limit]


def story(event: Event) -> list[dict[str, Any]]:
    """Something of every kind of object, so that every table has a row."""
    credits, on = [{"rep_id": "ann", "share": "1"}], "2026-02-01T12:00:00Z"
    money: dict[str, Any] = {"amount": "10", "currency": "USD"}
    line = {"product": "bike", "amount": "10"}
    return [
        event("placed", "1", on, order_id="o", credits=credits, lines=[line], **money),
        event("refunded", "2", on, order_id="o", amount="3"),
        event("payment.received", "3", on, order_id="o", payment_id="p", **money),
        event("invoice.issued", "4", on, order_id="o", invoice_id="i", **money),
        event("credit_note.issued", "5", on, credit_note_id="n", credits=credits, **money),
        event("opportunity.opened", "6", on, opportunity_id="d", rep_id="ann"),
        event("case.opened", "7", on, case_id="c", rep_id="ann"),
        event("survey.answered", "8", on, survey_id="s", score=5, credits=credits),
        event("followup.scheduled", "9", on, followup_id="f", rep_id="ann", due_at="2026-02-03"),
        event("followup.completed", "9", on, followup_id="g", rep_id="ann"),
    ]


async def failed(conn: Connection, records: Sequence[Record], zone: ZoneInfo) -> dict[str, str]:
    return {c.check: c.detail for c in await verify(conn, Told(records), zone) if not c.ok}  # type: ignore[arg-type]


@pytest.fixture
async def told(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], event: Event
) -> tuple[Database, list[Record]]:
    records = [record(e) for e in story(event)]
    async with clean.transaction() as conn:
        await apply_events(conn, records, zone)
        await kept_read(conn, records)
    return clean, records


async def kept_read(conn: Connection, records: Sequence[Record]) -> None:
    """Note that the log was read as far as these records."""
    for one in records:
        await conn.execute(
            "insert into position (topic, partition, next_offset, epoch) values ($1, $2, $3, 0)"
            " on conflict (topic, partition) do update set next_offset = excluded.next_offset",
            *one.partition,
            one.offset + 1,
        )


async def test_what_was_counted_is_what_the_log_makes_it(told: tuple[Database, list[Record]], zone: ZoneInfo) -> None:
    database, records = told
    async with database.transaction() as conn:
        checks = await verify(conn, Told(records), zone)  # type: ignore[arg-type]
        assert {c.check: c.detail for c in checks if not c.ok} == {}
        assert [c.examined for c in checks[:2]] == [7, 9]
        assert list(await failed(conn, records[1:], zone)) == [HISTORIES, FACTS, COUNTS]


HISTORIES, FACTS = "histories equal the accepted events of the log", "facts equal the accepted events of the log"
COUNTS = "counts of events equal a recount of the log"
MISCOUNTED = [
    "update event_count set accepted = accepted + 1 where rep_id = 'ann'",
    "update event_count set entered_5 = coalesce(entered_5, 0) + 1",
    "update event_count set missing = missing || '{\"customer_id\": 100}'",
    "update event_count set entry_seconds_max = 1",
    "delete from event_count where rep_id = ''",
]


@pytest.mark.parametrize("damage", MISCOUNTED)
async def test_a_wrong_count_is_found(
    told: tuple[Database, list[Record]], zone: ZoneInfo, event: Event, record: Callable[..., Record], damage: str
) -> None:
    database, records = told
    again = [record(one) for one in (story(event)[0], story(event)[0] | {"subject": "other"})]
    async with database.transaction() as conn:
        await apply_events(conn, again, zone)
        await conn.execute(
            "update position set next_offset = $3 where topic = $1 and partition = $2",
            *again[-1].partition,
            again[-1].offset + 1,
        )
        assert await failed(conn, [*records, *again], zone) == {}
        assert list(await failed(conn, [*records, *again[1:]], zone)) == [COUNTS]
        await conn.execute(damage)
        assert list(await failed(conn, [*records, *again], zone)) == [COUNTS]


UNREADABLE = [
    {"opened_at": "2026-99-99"},
    {"business_date": "9999-12-31"},
]


@pytest.mark.parametrize("said", UNREADABLE)
async def test_what_no_reader_can_count_is_not_missing(
    told: tuple[Database, list[Record]],
    zone: ZoneInfo,
    event: Event,
    record: Callable[..., Record],
    said: dict[str, str],
) -> None:
    """Our door lets nothing of the kind in; others who can write to the log may."""
    database, records = told
    bad = record(event("opportunity.won", "b", "2026-02-01T12:00:00Z", opportunity_id="bad", rep_id="ann", **said))
    with pytest.raises((ValueError, ArithmeticError)):
        async with database.transaction() as conn:
            await apply_events(conn, [bad], zone)
    async with database.transaction() as conn:
        await kept_read(conn, [bad])
        assert await failed(conn, [*records, bad], zone) == {}


@pytest.mark.parametrize("over", FACT_KINDS)
async def test_a_fact_of_any_kind_that_is_not_the_logs_is_found(
    told: tuple[Database, list[Record]], zone: ZoneInfo, over: str
) -> None:
    database, records = told
    async with database.transaction() as conn:
        await conn.execute(f"update {FACT_KINDS[over].table} set rep_id = 'eve'")
        wrong = await failed(conn, records, zone)
        assert over in wrong.pop(FACTS)
        assert all("slices" in check for check in wrong)
        await conn.execute(f"delete from {FACT_KINDS[over].table}")
        assert over in (await failed(conn, records, zone))[FACTS]
