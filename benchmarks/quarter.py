"""A quarter's orders and credits by SQL, as incentive keeps them: what pay is calculated from, without sending events.

Order i is credited to rep i modulo the payees, and they lie evenly over its days. What is packed of an order's
history is the same for all: only another event of the order would open it.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from benchmarks.orders import SOURCE, Orders
from chassis.db import Connection
from contracts import envelope, orders

FIRST_DAY, DAYS = dt.date(2026, 1, 1), 90
CHUNK = 100_000
_HISTORIES = """
insert into order_history (order_id, packed, causes)
select 'Q-' || lpad(i::text, 9, '0'), $3, json_build_array(json_build_object('source', $4::text, 'id', md5(i::text)))
from generate_series($1::bigint, $2::bigint - 1) i
"""
_CREDITS = """
insert into credit (order_id, credit_id, payee_id, day, currency, amount, gross, overlay, cancelled)
select 'Q-' || lpad(i::text, 9, '0'), 'direct/' || p.rep, p.rep, $4::date + (i * $5 / $6)::int, 'USD', a.shown, a.shown,
  false, false
from generate_series($1::bigint, $2::bigint - 1) i
cross join lateral (select 'rep-' || lpad((i % $3)::text, 5, '0') as rep) p
cross join lateral (select trim_scale((100 + i * 104729 % 499900)::numeric / 100)::text as shown) a
"""


async def make(conn: Connection, count: int, payees: int) -> None:
    """So many orders with a credit each, of these reps (benchmarks.orders.rep_id), and their statistics."""
    packed = _packed()
    for start in range(0, count, CHUNK):
        until = min(count, start + CHUNK)
        await conn.execute(_HISTORIES, start, until, packed, SOURCE)
        await conn.execute(_CREDITS, start, until, payees, FIRST_DAY, DAYS, count)
    await conn.execute("vacuum analyze order_history, credit")


def _packed() -> bytes:
    event = envelope.decode(next(iter(Orders(1, 1))).event)
    return orders.pack(orders.learn(None, event, orders.read(event), ZoneInfo("UTC")))
