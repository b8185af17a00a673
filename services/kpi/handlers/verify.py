"""Is every value what the accepted events make it? Recompute from the log, and compare with what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chassis import inbox
from chassis.bus import At, Bus, Partition
from chassis.db import Connection
from contracts import orders
from contracts.envelope import identity_hash
from contracts.orders import OrderHistory
from contracts.topics import CRM_SALES
from services.kpi.domain.facts import Fact, facts_of
from services.kpi.domain.spans import spans
from services.kpi.handlers.apply_events import additive_measures
from services.kpi.store import directory, verification
from services.kpi.translate import read_event

CHUNK_RECORDS = 2_000


@dataclass(frozen=True, slots=True)
class Check:
    """One line for ``merit verify``: what was compared, how much of it, and the first difference found."""

    check: str
    ok: bool
    examined: int
    detail: str


async def verify(conn: Connection, bus: Bus, zone: ZoneInfo) -> list[Check]:
    """Every check of this service. ``conn`` must be one repeatable-read snapshot."""
    checks = [await _facts_equal_log(conn, bus, zone)]
    kept, made = await directory.spans(conn), spans((await directory.people(conn)).values())
    checks.append(_check("spans equal the directory's memberships", len(made), sorted(kept ^ made)))
    for measure in await additive_measures(conn):
        examined, wrong = await verification.slices_that_differ(conn, measure)
        checks.append(_check(f"slices of measure {measure.id} equal their recomputation", examined, wrong))
    return checks


async def _facts_equal_log(conn: Connection, bus: Bus, zone: ZoneInfo) -> Check:
    """Promise 2: fold every accepted event of the log anew, up to where this service has read it."""
    examined, wrong = 0, list[str]()
    for partition, until in sorted((await inbox.positions(conn)).items()):
        if partition.topic == CRM_SALES.name:
            histories = await _fold(bus, partition, until, zone)
            expected = {_key(f): f for h in histories.values() for f in facts_of(orders.standing(h))}
            kept = {_key(f): f for f in await verification.facts_of_partition(conn, partition.number)}
            examined += len(expected)
            wrong += [f"{k}" for k in sorted(expected.keys() | kept.keys()) if expected.get(k) != kept.get(k)]
    return _check("facts equal the accepted events of the log", examined, wrong)


async def _fold(bus: Bus, partition: Partition, until: int, zone: ZoneInfo) -> dict[str, OrderHistory]:
    histories: dict[str, OrderHistory] = {}
    seen: set[bytes] = set()
    offset = 0
    while offset < until:
        records = [r for r in await bus.read(At(partition, offset), CHUNK_RECORDS) if r.offset < until]
        if not records:
            break
        for record in records:
            if (read := read_event(record)) is None:
                continue
            event, data = read
            identity = identity_hash(data.order_id, event.source, event.id)
            if identity not in seen:
                seen.add(identity)
                known = histories.get(data.order_id)
                histories[data.order_id] = orders.learn(known, event, data, zone)
        offset = records[-1].offset + 1
    return histories


def _key(fact: Fact) -> tuple[str, str, int]:
    return fact.order_id, fact.entry, fact.line


def _check(name: str, examined: int, wrong: Sequence[object]) -> Check:
    detail = f"{len(wrong)} differ, the first: {wrong[0]}" if wrong else "equal"
    return Check(name, not wrong, examined, detail)
