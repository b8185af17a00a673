"""The ledger and the lines that it nets to: entries are only ever added."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from chassis.db import Connection, Row, columns
from services.incentive.domain.ledger import Booked, Entry
from services.incentive.domain.walk import Line
from services.incentive.domain.windows import Days

_BOOKED = (
    "line_id, kind, plan, plan_version, component, payee_id, window_from, window_to, currency, order_id, credit_id,"
    " earned_on, amount_minor, entries"
)
"""All of a line but its derivation, which is most of its bytes."""


async def booked(conn: Connection, payee_id: str, touched: Days) -> dict[str, Booked]:
    """A payee's lines in every window that shares a day with these."""
    rows = await conn.fetch(
        f"select {_BOOKED} from line where payee_id = $1 and window_from < $3 and window_to > $2",
        payee_id,
        touched.since,
        touched.until,
    )
    return {row["line_id"]: booked_line(row) for row in rows}


async def save_lines(conn: Connection, lines: Iterable[tuple[Line, int]]) -> None:
    """Keep these lines as they are now, each with the number of its entries."""
    rows = [_line_row(line, entries) for line, entries in lines]
    await conn.execute(
        "insert into line (line_id, kind, plan, plan_version, component, payee_id, window_from, window_to, currency,"
        " order_id, credit_id, earned_on, amount_minor, entries, trace)"
        " select * from unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::text[], $6::text[], $7::date[],"
        " $8::date[], $9::text[], $10::text[], $11::text[], $12::date[], $13::numeric[], $14::int[], $15::text[])"
        " on conflict (line_id) do update set kind = excluded.kind, plan_version = excluded.plan_version,"
        " earned_on = excluded.earned_on, amount_minor = excluded.amount_minor, entries = excluded.entries,"
        " trace = excluded.trace"
        " where (line.trace, line.entries) is distinct from (excluded.trace, excluded.entries)",
        *columns(rows, 15),
    )


async def reverse_lines(conn: Connection, gone: Sequence[tuple[str, int]]) -> None:
    """Lines that are no more: worth nothing, without a derivation, each with the number of its entries."""
    await conn.execute(
        "update line set amount_minor = 0, trace = null, entries = g.entries"
        " from unnest($1::text[], $2::int[]) as g(line_id, entries) where line.line_id = g.line_id",
        *columns(gone, 2),
    )


async def post(conn: Connection, entries: Sequence[Entry], now: dt.datetime) -> None:
    """Add entries with their postings."""
    rows = [_entry_row(entry, now) for entry in entries]
    await conn.execute(
        "insert into ledger_entry (entry_id, line_id, sequence, previous_entry_id, kind, payee_id, plan, plan_version,"
        " component, window_from, window_to, currency, earned_on, causes, posted_at)"
        " select * from unnest($1::text[], $2::text[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[],"
        " $8::int[], $9::text[], $10::date[], $11::date[], $12::text[], $13::date[], $14::text[], $15::timestamptz[])",
        *columns(rows, 15),
    )
    legs = [(e.entry_id, p.account, Decimal(p.amount_minor)) for e in entries for p in e.postings]
    await conn.execute(
        "insert into ledger_posting (entry_id, account, amount_minor)"
        " select * from unnest($1::text[], $2::text[], $3::numeric[])",
        *columns(legs, 3),
    )


def booked_line(row: Row) -> Booked:
    """A row of ``line`` without its trace."""
    return Booked(
        line_id=row["line_id"],
        kind=row["kind"],
        plan=row["plan"],
        plan_version=row["plan_version"],
        component=row["component"],
        payee_id=row["payee_id"],
        window=Days(row["window_from"], row["window_to"]),
        currency=row["currency"],
        order_id=row["order_id"],
        credit_id=row["credit_id"],
        earned_on=row["earned_on"],
        amount_minor=int(row["amount_minor"]),
        entries=row["entries"],
    )


def _line_row(line: Line, entries: int) -> tuple[object, ...]:
    return (
        line.line_id,
        line.kind,
        line.plan,
        line.plan_version,
        line.component,
        line.payee_id,
        line.window.since,
        line.window.until,
        line.currency,
        line.order_id,
        line.credit_id,
        line.earned_on,
        Decimal(line.amount_minor),
        entries,
        msgspec.json.encode(line.trace).decode(),
    )


def _entry_row(entry: Entry, now: dt.datetime) -> tuple[object, ...]:
    return (
        entry.entry_id,
        entry.line_id,
        entry.sequence,
        entry.previous_entry_id,
        entry.kind,
        entry.payee_id,
        entry.plan,
        entry.plan_version,
        entry.component,
        entry.window.since,
        entry.window.until,
        entry.currency,
        entry.earned_on,
        msgspec.json.encode(entry.causes).decode(),
        now,
    )
