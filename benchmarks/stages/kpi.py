"""Events that lie on the log already become committed KPI state, and its last value is readable on ``kpi-values``.

The peers' job and more: sums per rep and day, exactly, each event once for ever; and here also of the company, over
weeks, months, quarters and years. The clock is the log's own: from the assignment of the partitions to the worker
until the last value was appended.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from benchmarks import log_look, peers
from benchmarks.http_load import WrongAnswer
from benchmarks.orders import Orders, rep_id
from benchmarks.place import Place, pids_of
from benchmarks.profile import profiled
from benchmarks.samples import Goal, Sample, Stage, Told
from benchmarks.settings import ROOT
from benchmarks.usage import Stopwatch, resident_mib
from chassis import db
from chassis.kafka_bus import ASSIGNMENTS
from contracts import envelope
from contracts.directory import PERSON, Person
from contracts.kpi import ValueChanged
from contracts.topics import CRM_SALES, DIRECTORY_PEOPLE, KPI_VALUES, Topic
from tools.cluster.opened import Cluster

ONE, SHIPPED = "Merit, one definition", "Merit, the shipped definitions"
DEFINITIONS = ROOT / "services" / "kpi" / "definitions"
DEFINITION = DEFINITIONS / "sales_amount.yaml"
PROCESSES = {"kpi-worker-1": "worker", "kpi-relay": "relay"}
GROUP = "kpi"
LOOK_EVERY_SECONDS = 0.2
SECONDS_MAX = 600.0
TOLD_AT = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
STORED = (
    "select sum(pg_total_relation_size(oid)) from pg_class where relkind = 'r' and relnamespace = 'kpi'::regnamespace"
)
READ = "select sum(next_offset)::bigint from position where topic = $1"
"""How many records of a topic a service has committed."""
WAITING = "select exists (select from changed) or exists (select from outbox)"
"""Whether something that is to be told is not on the log yet."""
_value = msgspec.json.Decoder(ValueChanged).decode


async def run(place: Place) -> AsyncIterator[Sample]:
    """Merit with one definition and with all, and the peers, back to back."""
    alone = place.home.folder / "one-definition"
    alone.mkdir(exist_ok=True)
    shutil.copy(DEFINITION, alone)
    yield await measured(place, ONE, alone)
    async for sample in peers.run(place):
        yield sample
    yield await measured(place, SHIPPED, None)


async def _nothing(_: Cluster) -> Told:
    return {}


async def measured(
    place: Place, case: str, definitions: Path | None, afterwards: Callable[[Cluster], Awaitable[Told]] = _nothing
) -> Sample:
    """One worker and one relay over orders that were written before, of reps that are known.

    The memory of each is told as it was when half of the events were counted, and at most. ``afterwards``: what else to
    look at, and to tell.
    """
    orders = Orders(place.settings.events, place.settings.reps)
    async with place.merit(definitions=definitions) as merit:
        await introduce(place, merit)
        await log_look.written(place.bus, CRM_SALES, ((made.order_id, made.event) for made in orders))
        await merit.supervisor.start(*PROCESSES)
        pids = pids_of(merit.supervisor, PROCESSES)
        watch, peaks = Stopwatch(pids | place.pids), dict.fromkeys(pids, 0.0)
        halfway: dict[str, float] = {}

        async with (
            db.single(merit.layout.schemas.admin_dsn, "kpi") as conn,  # one for each look would be dearer than the look
            profiled(place.settings.profiler, pids, place.settings.out, case),
        ):

            async def done() -> bool:
                peaks.update({name: max(peaks[name], resident_mib(pid)) for name, pid in pids.items()})
                counted = await conn.fetchval(READ, CRM_SALES.name) or 0
                if not halfway and counted >= orders.count / 2:
                    halfway.update(peaks)
                return counted >= orders.count and not await conn.fetchval(WAITING)

            await until(done)
        _, cpu = watch.stop()
        seconds, announced = await _judged(place, orders)
        bytes_each = await number(merit, STORED) / orders.count
        more = await afterwards(merit)
    told: Told = {"announced": announced, "database_bytes_per_event": round(bytes_each)}
    memory = {f"{n}_mib": f"{halfway[n]:.0f} – {peaks[n]:.0f}" for n in pids}
    return Sample(case, "merit", orders.count, seconds, cpu, {**told, **memory, **more})


async def introduce(place: Place, merit: Cluster, service: str = "kpi", reps: int | None = None) -> None:
    """Have a service's worker know the reps before the first order comes."""
    people = (Person(rep_id(number), 1, roles=["rep"]) for number in range(reps or place.settings.reps))
    count = await log_look.written(place.bus, DIRECTORY_PEOPLE, ((p.person_id, _announced(p)) for p in people))
    await merit.supervisor.start(f"{service}-worker-1")

    async def known() -> bool:
        return await read(merit, DIRECTORY_PEOPLE, service) == count

    await until(known)
    await merit.supervisor.stop(f"{service}-worker-1")


async def until(condition: Callable[[], Awaitable[bool]], seconds_max: float = SECONDS_MAX) -> None:
    """Look every LOOK_EVERY_SECONDS until it holds. Raises TimeoutError when it does not in time."""
    async with asyncio.timeout(seconds_max):
        while not await condition():  # noqa: ASYNC110 (it is about another process)
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _announced(person: Person) -> bytes:
    return envelope.encode(type=PERSON, source="/merit/auth", id=f"{person.person_id}/1", time=TOLD_AT, data=person)


async def read(merit: Cluster, topic: Topic, schema: str = "kpi") -> int:
    """How many records of a topic a service has committed."""
    return await number(merit, READ, topic.name, schema=schema)


async def number(merit: Cluster, query: str, *parameters: str, schema: str = "kpi") -> int:
    """A number out of a service's schema; 0 for null."""
    async with db.single(merit.layout.schemas.admin_dsn, schema) as conn:
        return int(await conn.fetchval(query, *parameters) or 0)


async def _judged(place: Place, orders: Orders) -> tuple[float, int]:
    """Seconds by the log's clock, and how many values were told. Raises WrongAnswer unless the last ones are right."""
    servers = place.settings.servers
    assigned = await log_look.read(servers, ASSIGNMENTS, await log_look.size(place.bus, ASSIGNMENTS))
    began = max(r.timestamp for r in assigned if r.key == GROUP.encode())
    records = await log_look.read(servers, KPI_VALUES, await log_look.size(place.bus, KPI_VALUES))
    last: dict[tuple[str, dt.date], Decimal] = {}
    for record in records:
        value = _value(envelope.decode(record.value or b"").data)
        if (value.kpi, value.subject_kind, value.grain) == ("sales_amount", "rep", "day"):
            last[value.subject, value.period_from] = Decimal(value.value or 0)
    if last != (right := orders.totals()):
        wrong = sum(last.get(place) != total for place, total in right.items())
        raise WrongAnswer(f"{wrong} of {len(right)} sums per rep and day are wrong, {len(last)} were told")
    return (max(r.timestamp for r in records) - began) / 1000, len(records)


STAGE = Stage(
    "kpi",
    "Events on the log to committed and announced KPI state, one worker",
    run,
    (
        Goal("ahead of every peer that drops repeated events", ONE, peers.DEDUPING, 1.0),
        Goal("half of that with the shipped definitions", SHIPPED, peers.DEDUPING, 0.5),
    ),
)
