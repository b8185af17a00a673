"""Settling: marks become walks, walks become entries; only differences are posted, all of it in one transaction."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from chassis import telemetry, vitals
from chassis.clock import Clock
from chassis.db import Connection, Database
from chassis.inbox import AFTER_SECONDS_MAX
from chassis.metric_names import LEDGER_IMBALANCE
from chassis.outbox import announce
from chassis.turns import take_turns
from services.incentive.domain import ledger
from services.incentive.domain.facts import Account
from services.incentive.domain.ledger import Booked
from services.incentive.domain.plans import Plan, PlanRefused
from services.incentive.domain.settlement import lines, reach
from services.incentive.domain.walk import Line
from services.incentive.domain.windows import Days
from services.incentive.handlers.plans_in_force import all_versions
from services.incentive.store import decisions, directory, due, orders, verification
from services.incentive.store import ledger as store
from services.incentive.translate import entry_posted

log = logging.getLogger(__name__)

PAYEES_MAX = 20
"""How many payees one transaction settles."""
IDLE_SECONDS = 0.1
RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.05
PUT_OFF_SECONDS = 10.0
BALANCE_EVERY_SECONDS = 300.0
"""How often the ledger is added up for the metric that has to be zero."""
DOMAIN_FAULTS = (ArithmeticError, LookupError, TypeError, ValueError, AssertionError, PlanRefused)
"""What a walk can raise on data that nobody foresaw; an error of the database rolls everything back instead."""


@dataclass
class Settler:
    """Drains the marks. Any number of settlers may work at once: each payee is one settler's at a time."""

    database: Database
    clock: Clock
    currency: str
    _put_off: dict[str, float] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop``; survives a database that is down."""
        with vitals.watching(self._balance, BALANCE_EVERY_SECONDS):
            await take_turns("settler", stop, self._turn, RETRY_SECONDS)

    async def _balance(self) -> None:
        async with self.database.transaction(readonly=True) as conn:
            LEDGER_IMBALANCE.set(await verification.count(conn, verification.UNBALANCED_CURRENCIES))

    async def _turn(self) -> float:
        return 0.0 if await self.step() else IDLE_SECONDS

    async def step(self) -> int:
        """Settle those who wait longest; returns how many were settled. One transaction.

        Who cannot be settled keeps their marks and is put off for a while, so that the others go on.
        """
        async with self.database.transaction() as conn:
            waiting = await due.waiting(conn, PAYEES_MAX, self._still_put_off())
            done = [payee_id for payee_id in sorted(waiting) if await self._settle_one(conn, payee_id)]
        return len(done)

    async def _settle_one(self, conn: Connection, payee_id: str) -> bool:
        try:
            async with conn.transaction():
                taken = await due.take(conn, payee_id)
                if taken is not None:
                    touched, causes = taken
                    plans = await all_versions(conn)  # after the marks: a plan may have been published meanwhile
                    with telemetry.span("settle", links=causes) as span:
                        posted = await settle(conn, payee_id, touched, plans, self.currency, self.clock.now())
                        span.set("merit.ledger.entries", posted)
                        if posted:
                            span.insist()  # money moved
                return taken is not None
        except DOMAIN_FAULTS:
            log.exception("settler: a payee cannot be settled; the others go on, and this one is tried again")
            self._put_off[payee_id] = self.clock.monotonic() + PUT_OFF_SECONDS
            return False

    def _still_put_off(self) -> list[str]:
        now = self.clock.monotonic()
        self._put_off = {payee_id: until for payee_id, until in self._put_off.items() if until > now}
        return sorted(self._put_off)


async def settle(
    conn: Connection, payee_id: str, touched: Days, plans: Sequence[Plan], currency: str, now: dt.datetime
) -> int:
    """Walk every window of the payee that shares a day with ``touched``, and post what differs from the ledger;
    returns how many entries that took."""
    wanted = await wanted_lines(conn, payee_id, touched, plans, currency)
    booked = await store.booked(conn, payee_id, touched)
    gone = booked.keys() - {line.line_id for line in wanted}
    causes = await orders.causes(conn, sorted({booked[line_id].order_id or "" for line_id in gone}))
    entries = ledger.entries(booked, wanted, causes)
    count = _sequences(booked, entries)
    await store.save_lines(conn, [(line, count.get(line.line_id, 0)) for line in wanted])
    await store.reverse_lines(conn, [(line_id, count[line_id]) for line_id in sorted(gone)])
    await store.post(conn, entries, now)
    await announce(conn, [entry_posted(entry, now) for entry in entries])
    return len(entries)


async def wanted_lines(
    conn: Connection, payee_id: str, touched: Days, plans: Sequence[Plan], currency: str
) -> list[Line]:
    """The lines that follow from what is known; none for someone whom the directory does not know (yet).

    ``currency``: the reporting currency; a target that names none is in it.
    """
    known = await directory.payees(conn, [payee_id])
    if payee_id not in known:
        return []
    targets = [replace(t, currency=t.currency or currency) for t in await decisions.targets_of(conn, payee_id)]
    account = Account(known[payee_id], tuple(targets), await decisions.parameters_of(conn, payee_id), currency)
    credits = await orders.credits_of(conn, payee_id, reach(account, plans, touched), currency)
    return lines(account, plans, credits, touched)


async def settled(database: Database, clock: Clock, payee_id: str | None) -> bool:
    """Wait (at most AFTER_SECONDS_MAX) until every mark of now is drained, the payee's or all; whether it is."""
    deadline = clock.monotonic() + AFTER_SECONDS_MAX
    async with database.transaction(readonly=True) as conn:
        newest = await due.newest(conn)
    while True:
        async with database.transaction(readonly=True) as conn:
            left = await due.left(conn, newest, payee_id)
        if not left or clock.monotonic() >= deadline:
            return not left
        await asyncio.sleep(LOOK_SECONDS)


def _sequences(booked: dict[str, Booked], new: Sequence[ledger.Entry]) -> dict[str, int]:
    """How many entries each line has, the new ones included."""
    return {line_id: line.entries for line_id, line in booked.items()} | {e.line_id: e.sequence for e in new}
