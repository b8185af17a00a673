"""Identities, order histories, and the credits that the orders give as they stand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import msgspec

from chassis.db import Connection, Row, columns
from contracts import orders
from contracts.orders import OrderHistory
from services.incentive.domain.facts import Cause, Credit
from services.incentive.domain.numbers import show
from services.incentive.domain.windows import Days, just
from services.incentive.store.rates import HELD

_decode_causes = msgspec.json.Decoder(tuple[Cause, ...]).decode


async def claim(conn: Connection, identities: Mapping[bytes, bytes]) -> set[bytes]:
    """Take the identities that are free, each with its content; returns those taken now."""
    rows = await conn.fetch(
        "insert into seen (identity, content) select * from unnest($1::bytea[], $2::bytea[])"
        " on conflict do nothing returning identity",
        *columns(sorted(identities.items()), 2),
    )
    return {row["identity"] for row in rows}


async def histories(conn: Connection, order_ids: Sequence[str]) -> dict[str, OrderHistory]:
    """What is known of these orders, locked in order of their ids."""
    rows = await conn.fetch(
        "select order_id, packed from order_history where order_id = any($1::text[]) order by order_id for update",
        order_ids,
    )
    return {row["order_id"]: orders.unpack(row["packed"]) for row in rows}


async def save_histories(conn: Connection, found: Iterable[tuple[OrderHistory, tuple[Cause, ...]]]) -> None:
    """Replace what is known of orders, with the events that each one stands on."""
    rows = [(h.order_id, orders.pack(h), msgspec.json.encode(causes).decode()) for h, causes in found]
    await conn.execute(
        "insert into order_history (order_id, packed, causes)"
        " select * from unnest($1::text[], $2::bytea[], $3::text[])"
        " on conflict (order_id) do update set packed = excluded.packed, causes = excluded.causes",
        *columns(rows, 3),
    )


async def replace_credits(
    conn: Connection, order_ids: Sequence[str], credits: Iterable[Credit]
) -> set[tuple[str, dt.date]]:
    """Put these orders' credits in place of what they gave; returns each payee and day that had one, or has."""
    gone = await conn.fetch("delete from credit where order_id = any($1::text[]) returning payee_id, day", order_ids)
    rows = [
        (c.order_id, c.credit_id, c.payee_id, c.day, c.currency, show(c.amount), show(c.gross), c.overlay, c.cancelled)
        for c in credits
    ]
    await conn.execute(
        "insert into credit (order_id, credit_id, payee_id, day, currency, amount, gross, overlay, cancelled)"
        " select * from unnest($1::text[], $2::text[], $3::text[], $4::date[], $5::text[], $6::text[], $7::text[],"
        " $8::bool[], $9::bool[])",
        *columns(rows, 9),
    )
    return {(row["payee_id"], row["day"]) for row in gone} | {(row[2], row[3]) for row in rows}


async def credits_of(conn: Connection, payee_id: str, days: Days, reporting_currency: str) -> list[Credit]:
    """A payee's credits over these days, in any order."""
    rows = await conn.fetch(
        f"select c.*, h.causes, case when currency <> $4 then {HELD} end as rate"
        " from credit c join order_history h using (order_id) where payee_id = $1 and day >= $2 and day < $3",
        payee_id,
        days.since,
        days.until,
        reporting_currency,
    )
    return [_credit(row) for row in rows]


async def payees_with(conn: Connection, currency: str, days: Days) -> list[tuple[str, Days]]:
    """Whose credits over these days are in a currency, each with the days of theirs.

    Until this transaction ends nobody changes credits: one that came meanwhile would be settled at the rate before.
    """
    await conn.execute("lock table credit in share mode")
    rows = await conn.fetch(
        "select payee_id, min(day) as first, max(day) as last from credit"
        " where currency = $1 and day >= $2 and day < $3 group by payee_id order by payee_id",
        currency,
        days.since,
        days.until,
    )
    return [(row["payee_id"], just(row["first"]).hull(just(row["last"]))) for row in rows]


async def causes(conn: Connection, order_ids: Sequence[str]) -> dict[str, tuple[Cause, ...]]:
    """Per order the events that stand now."""
    rows = await conn.fetch(
        "select order_id, causes from order_history where order_id = any($1::text[])", list(order_ids)
    )
    return {row["order_id"]: _decode_causes(row["causes"]) for row in rows}


def _credit(row: Row) -> Credit:
    return Credit(
        order_id=row["order_id"],
        credit_id=row["credit_id"],
        payee_id=row["payee_id"],
        day=row["day"],
        currency=row["currency"],
        amount=Fraction(row["amount"]),
        gross=Fraction(row["gross"]),
        overlay=row["overlay"],
        cancelled=row["cancelled"],
        causes=_decode_causes(row["causes"]),
        rate=None if row["rate"] is None else Fraction(row["rate"]),
    )
