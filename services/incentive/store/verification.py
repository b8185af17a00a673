"""What ``merit verify`` asks of the ledger: counts of what breaks a promise."""

from __future__ import annotations

from chassis.db import Connection
from services.incentive.domain.ledger import Booked
from services.incentive.domain.traces import Trace
from services.incentive.store.earnings import decode_trace
from services.incentive.store.ledger import booked_line

UNBALANCED = """
select count(*) from (
    select e.entry_id from ledger_entry e left join ledger_posting p using (entry_id)
    group by e.entry_id having count(p.account) < 2 or coalesce(sum(p.amount_minor), 1) <> 0
) broken
"""
UNBALANCED_CURRENCIES = """
select count(*) from (
    select e.currency from ledger_entry e join ledger_posting p using (entry_id)
    group by e.currency having sum(p.amount_minor) <> 0
) broken
"""
BROKEN_CHAINS = """
select count(*) from (
    select entry_id, previous_entry_id, sequence, lag(entry_id) over w as before,
        row_number() over w as number
    from ledger_entry window w as (partition by line_id order by sequence)
) e where sequence <> number or previous_entry_id is distinct from before
"""
PAYABLE_AMISS = """
select count(*) from (
    select payee_id, currency, sum(amount_minor) as earned from line group by 1, 2
) l full join (
    select e.payee_id, e.currency, -sum(p.amount_minor) as payable
    from ledger_entry e join ledger_posting p using (entry_id)
    where p.account = 'payable:' || e.payee_id group by 1, 2
) o using (payee_id, currency)
where coalesce(l.earned, 0) <> coalesce(o.payable, 0)
"""


async def count(conn: Connection, query: str) -> int:
    """The number that one of the queries above gives."""
    return int(await conn.fetchval(query))


async def entries(conn: Connection) -> int:
    """How many entries the ledger has."""
    return int(await conn.fetchval("select count(*) from ledger_entry"))


async def payees(conn: Connection) -> list[str]:
    """Everyone who has a credit or a line."""
    rows = await conn.fetch("select payee_id from credit union select payee_id from line order by 1")
    return [row["payee_id"] for row in rows]


async def is_due(conn: Connection, payee_id: str) -> bool:
    """Whether the payee waits to be settled."""
    return bool(await conn.fetchval("select exists (select from due where payee_id = $1)", payee_id))


async def lines_of(conn: Connection, payee_id: str) -> list[tuple[Booked, int, Trace | None]]:
    """A payee's lines, each with what its postings net to and its derivation."""
    rows = await conn.fetch(
        "select l.*, coalesce((select -sum(p.amount_minor) from ledger_entry e join ledger_posting p using (entry_id)"
        " where e.line_id = l.line_id and p.account like 'payable:%'), 0) as net"
        " from line l where payee_id = $1",
        payee_id,
    )
    return [
        (booked_line(row), int(row["net"]), None if row["trace"] is None else decode_trace(row["trace"]))
        for row in rows
    ]
