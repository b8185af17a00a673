"""Order facts by SQL, as kpi makes them of orders: what is read over, without sending as many events first.

Order i is of rep i modulo the reps; they lie evenly over three years, the earliest first. Slices, key sets and values
are not made here: kpi makes them itself when it publishes its definitions over these facts.
"""

from __future__ import annotations

import datetime as dt

from chassis.db import Connection
from contracts.topics import CRM_SALES

FIRST_DAY, DAYS = dt.date(2022, 1, 1), 1_095
CUSTOMERS = 20_000
CHUNK = 500_000
_INSERT = """
insert into order_fact (object_id, entry, line, partition, rep_id, customer_id, attributes, entry_kind, amount,
  gross_amount, currency, day, order_day)
select 'F-' || lpad(i::text, 9, '0'), 'order', 0, i % $3, 'rep-' || lpad((i % $4)::text, 5, '0'),
  'C-' || lpad((i * 7919 % $5)::text, 5, '0'), '{}', 'order', a.amount, a.amount, 'USD', d.day, d.day
from generate_series($1::bigint, $2::bigint - 1) i
cross join lateral (select (100 + i * 104729 % 499900)::numeric / 100 as amount) a
cross join lateral (select $6::date + (i * $7 / $8)::int as day) d
"""


async def make(conn: Connection, count: int, reps: int) -> None:
    """So many orders of these reps (benchmarks.orders.rep_id), 500,000 in a statement, and their statistics."""
    for start in range(0, count, CHUNK):
        until = min(count, start + CHUNK)
        await conn.execute(_INSERT, start, until, CRM_SALES.partitions, reps, CUSTOMERS, FIRST_DAY, DAYS, count)
    await conn.execute("vacuum analyze order_fact")
