"""Promise 3 on the live system: the ledger nets to zero, every award has its cause, and everything replays.

What is said of a fault names lines and payees but no amounts: whoever may operate the system may not see pay.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from chassis.checks import Check
from chassis.db import Connection, Database
from services.incentive.domain.facts import Cause
from services.incentive.domain.ledger import Booked
from services.incentive.domain.plans import Plan
from services.incentive.domain.traces import Trace, replay
from services.incentive.domain.windows import ALWAYS
from services.incentive.handlers.plans_in_force import all_versions
from services.incentive.handlers.settle import wanted_lines
from services.incentive.store import orders
from services.incentive.store import verification as store

SHOWN_MAX = 5


@dataclass
class Tally:
    """A check under way."""

    check: str
    examined: int = 0
    wrong: list[str] = field(default_factory=list)

    def see(self, fine: bool, what: str) -> None:
        self.examined += 1
        if not fine:
            self.wrong.append(what)

    def done(self, note: str = "") -> Check:
        shown = ", ".join(self.wrong[:SHOWN_MAX])
        detail = f"{len(self.wrong)} wrong: {shown}" if self.wrong else note
        return Check(self.check, not self.wrong, self.examined, detail)


async def verify_ledger(conn: Connection) -> list[Check]:
    """The ledger by itself; call it in a repeatable-read transaction."""
    examined = await store.entries(conn)
    queries = {
        "the legs of every entry sum to zero": store.UNBALANCED,
        "the ledger nets to zero in every currency": store.UNBALANCED_CURRENCIES,
        "every correction names the entry that it corrects": store.BROKEN_CHAINS,
        "what is payable is what was earned less what was paid": store.PAYABLE_AMISS,
    }
    found = []
    for check, query in queries.items():
        wrong = await store.count(conn, query)
        found.append(Check(check, wrong == 0, examined, f"{wrong} wrong" if wrong else ""))
    return found


async def verify_awards(database: Database, currency: str) -> list[Check]:
    """Walk everything again, payee by payee in a transaction each, and compare with the ledger.

    Whoever waits to be settled at that moment is left out, and counted in the detail.
    """
    caused, walked = Tally("every award has a cause that stands"), Tally("walking everything again gives the ledger")
    replayed, skipped = Tally("every trace replays to its line"), 0
    async with database.transaction("repeatable_read", readonly=True) as conn:
        plans, payees = await all_versions(conn), await store.payees(conn)
    for payee_id in payees:
        async with database.transaction("repeatable_read", readonly=True) as conn:
            if await store.is_due(conn, payee_id):
                skipped += 1
            else:
                await _verify_payee(conn, payee_id, plans, currency, caused, walked, replayed)
    note = f"{skipped} payees are being settled and were left out" if skipped else ""
    return [caused.done(note), walked.done(note), replayed.done(note)]


async def _verify_payee(
    conn: Connection,
    payee_id: str,
    plans: list[Plan],
    currency: str,
    caused: Tally,
    walked: Tally,
    replayed: Tally,
) -> None:
    booked = {line.line_id: (line, net, trace) for line, net, trace in await store.lines_of(conn, payee_id)}
    wanted = {line.line_id: line for line in await wanted_lines(conn, payee_id, ALWAYS, plans, currency)}
    credited = {trace.given.credit.order_id for _, _, trace in booked.values() if trace}
    standing = await orders.causes(conn, sorted(credited))
    for line_id in sorted(booked.keys() | wanted.keys()):
        line, net, trace = booked.get(line_id, (None, 0, None))
        expected = wanted[line_id].amount_minor if line_id in wanted else 0
        walked.see(net == expected and (line.amount_minor if line else 0) == net, line_id)
        if line:
            replayed.see((replay(trace) if trace else 0) == net, line_id)
        if line and net:
            caused.see(_has_cause(line, trace, standing), line_id)


def _has_cause(line: Booked, trace: Trace | None, standing: dict[str, tuple[Cause, ...]]) -> bool:
    """The events named in the derivation are those that the order stands on now."""
    if trace is None or not trace.given.causes:
        return False
    return set(trace.given.causes) <= set(standing.get(trace.given.credit.order_id, ()))
