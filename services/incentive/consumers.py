"""Which use case takes which topic, and what happens to a record that it cannot take."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from chassis.bus import Bus, Record
from chassis.clock import Clock
from chassis.db import Connection, Database
from chassis.inbox import Inbox
from chassis.sieve import OnError
from contracts.topics import CRM_SALES, DIRECTORY_PEOPLE, FX_RATES
from services.incentive.domain.errors import Malformed
from services.incentive.handlers.learn import learn_orders, learn_people, learn_rates

ON_ERROR: dict[type[Exception], OnError] = {Malformed: OnError.PARK}


def inboxes(bus: Bus, database: Database, clock: Clock, zone: ZoneInfo, batch_records_max: int) -> list[Inbox]:
    """One reader for sales events, one for what the other services decide."""

    async def sales(conn: Connection, records: Sequence[Record]) -> None:
        await learn_orders(conn, records, zone)

    async def decided(conn: Connection, records: Sequence[Record]) -> None:
        if people := [r for r in records if r.partition.topic == DIRECTORY_PEOPLE.name]:
            await learn_people(conn, people)
        if tables := [r for r in records if r.partition.topic == FX_RATES.name]:
            await learn_rates(conn, tables)

    return [
        Inbox(bus, database, clock, "incentive", [CRM_SALES.name], sales, ON_ERROR, batch_records_max),
        Inbox(
            bus,
            database,
            clock,
            "incentive-directory",
            [DIRECTORY_PEOPLE.name, FX_RATES.name],
            decided,
            ON_ERROR,
            batch_records_max,
        ),
    ]
