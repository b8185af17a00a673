"""Which use case takes which topic, and what happens to a record that it cannot take."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from chassis.bus import Bus, Record
from chassis.clock import Clock
from chassis.db import Connection, Database
from chassis.inbox import Inbox
from chassis.sieve import OnError
from contracts.topics import CRM_SALES, CRM_SERVICE, CUSTOM_FIELDS, DIRECTORY_PEOPLE, DOOR_COUNTS, TARGETS
from services.kpi.domain.errors import Malformed
from services.kpi.handlers.apply_custom_fields import apply_custom_fields
from services.kpi.handlers.apply_directory import apply_people, apply_targets
from services.kpi.handlers.apply_door_counts import apply_door_counts
from services.kpi.handlers.apply_events import apply_events

ON_ERROR: dict[type[Exception], OnError] = {Malformed: OnError.PARK}


def inboxes(bus: Bus, database: Database, clock: Clock, zone: ZoneInfo, batch_records_max: int) -> list[Inbox]:
    """One reader for the events of CRMs, one for what the other services decide."""

    async def told(conn: Connection, records: Sequence[Record]) -> None:
        await apply_events(conn, records, zone)

    async def decisions(conn: Connection, records: Sequence[Record]) -> None:
        if fields := [r for r in records if r.partition.topic == CUSTOM_FIELDS.name]:
            await apply_custom_fields(conn, fields)
        if counts := [r for r in records if r.partition.topic == DOOR_COUNTS.name]:
            await apply_door_counts(conn, counts)
        if people := [r for r in records if r.partition.topic == DIRECTORY_PEOPLE.name]:
            await apply_people(conn, people)
        if targets := [r for r in records if r.partition.topic == TARGETS.name]:
            await apply_targets(conn, targets)

    decided = [CUSTOM_FIELDS.name, DOOR_COUNTS.name, DIRECTORY_PEOPLE.name, TARGETS.name]
    return [
        Inbox(bus, database, clock, "kpi", [CRM_SALES.name, CRM_SERVICE.name], told, ON_ERROR, batch_records_max),
        Inbox(bus, database, clock, "kpi-decisions", decided, decisions, ON_ERROR, batch_records_max),
    ]
