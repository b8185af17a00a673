"""What the log says becomes credits and the directory's copy, and marks for what has to be settled again."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from chassis.bus import Record
from chassis.db import Connection
from contracts import order_state, orders, sales
from contracts.directory import Person
from contracts.envelope import Envelope, content_hash, identity_hash
from contracts.orders import OrderHistory
from contracts.rates import RateTable
from services.incentive.domain.windows import ALWAYS, Days, just
from services.incentive.store import directory, due, rates
from services.incentive.store import orders as store
from services.incentive.translate import causes_of, credits_of, read_event, read_person, read_rates

Arrival = tuple[Envelope, sales.OrderEvent]


async def learn_orders(conn: Connection, records: Sequence[Record], zone: ZoneInfo) -> None:
    """Count every event once, for ever; the first in the log of an identity stands, others change nothing.

    Other types of event are passed over. Raises Malformed for a record that is no event.
    """
    arrivals = [arrival for record in records if (arrival := read_event(record))]
    news = await _first_of_their_identity(conn, arrivals)
    known: dict[str, OrderHistory] = await store.histories(conn, sorted({data.order_id for _, data in news}))
    for event, data in news:
        known[data.order_id] = orders.learn(known.get(data.order_id), event, data, zone)
    standing = [(known[order_id], order_state.standing(known[order_id])) for order_id in sorted(known)]
    await store.save_histories(conn, [(history, causes_of(order)) for history, order in standing])
    credits = [credit for _, order in standing for credit in credits_of(order)]
    touched = await store.replace_credits(conn, sorted(known), credits)
    await due.mark(conn, _ranges(touched))


async def learn_people(conn: Connection, records: Sequence[Record]) -> None:
    """Take the newest word on each person; whom it changes as plans see them is settled again."""
    newest: dict[str, Person] = {}
    for person in map(read_person, records):
        if person.person_id not in newest or newest[person.person_id].version < person.version:
            newest[person.person_id] = person
    before = await directory.payees(conn, sorted(newest))
    await directory.save_people(conn, [newest[person_id] for person_id in sorted(newest)])
    after = await directory.payees(conn, sorted(newest))
    await due.mark(conn, [(person_id, ALWAYS) for person_id in after if after[person_id] != before.get(person_id)])


async def learn_rates(conn: Connection, records: Sequence[Record]) -> None:
    """Take the newest word on each currency; whose credits it revalues is settled again."""
    newest: dict[str, RateTable] = {}
    for table in map(read_rates, records):
        if table.currency not in newest or newest[table.currency].version < table.version:
            newest[table.currency] = table
    for currency in sorted(newest):
        if days := await rates.learn(conn, newest[currency]):
            await due.mark(conn, await store.payees_with(conn, currency, days))


async def _first_of_their_identity(conn: Connection, arrivals: Sequence[Arrival]) -> list[Arrival]:
    first: dict[bytes, Arrival] = {}
    for event, data in arrivals:
        first.setdefault(identity_hash(data.order_id, event.source, event.id), (event, data))
    taken = await store.claim(conn, {identity: content_hash(event) for identity, (event, _) in first.items()})
    return [arrival for identity, arrival in first.items() if identity in taken]


def _ranges(touched: set[tuple[str, dt.date]]) -> list[tuple[str, Days]]:
    """One range of days per payee."""
    ranges: dict[str, Days] = {}
    for payee_id, day in touched:
        one = just(day)
        ranges[payee_id] = ranges.get(payee_id, one).hull(one)
    return sorted(ranges.items())
