"""Out of the log again: what aiokafka and msgspec can do, and what the port to the log adds."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from benchmarks import log_look
from benchmarks.orders import Orders
from benchmarks.place import Place
from benchmarks.samples import Goal, Role, Sample, Stage
from benchmarks.usage import Stopwatch
from chassis.bus import Partition, Positions
from contracts import envelope, orders
from contracts.topics import CRM_SALES

BATCH = 5_000
WAIT_SECONDS = 1.0
RAW, DECODED, DECODED_NO_GC = "aiokafka getmany", "aiokafka, decoded", "aiokafka, decoded, collector off"
PORT, PORT_DECODED = "Merit's port", "Merit's port, decoded"

Look = Callable[[Iterable[bytes]], Any]


async def run(place: Place) -> AsyncIterator[Sample]:
    """The same topic each time, from its beginning."""
    await place.fresh_topics([CRM_SALES])
    made = Orders(place.settings.events, place.settings.reps)
    await log_look.written(place.bus, CRM_SALES, ((one.order_id, one.event) for one in made))
    for case, look, collect in ((RAW, _count, True), (DECODED, _decode, True), (DECODED_NO_GC, _decode, False)):
        async with _collector(collect):
            yield await _bare(place, case, look)
    for case, look in ((PORT, _count), (PORT_DECODED, _decode)):
        async with _collector(False):
            yield await _port(place, case, look)


def _count(values: Iterable[bytes]) -> int:
    return sum(1 for _ in values)


def _decode(values: Iterable[bytes]) -> Sequence[Any]:
    """What a reader of orders needs: the envelope, and the order in it."""
    return [orders.read(envelope.decode(value)) for value in values]


@asynccontextmanager
async def _collector(on: bool) -> AsyncIterator[None]:
    """With or without Python's cycle collector; Merit's processes freeze what is there when they have started."""
    gc.collect()
    gc.freeze()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


async def _bare(place: Place, case: str, look: Look) -> Sample:
    count = place.settings.events
    async with log_look.consumer(place.settings.servers, CRM_SALES) as source:
        watch, seen = Stopwatch(place.pids), 0
        while seen < count:
            for records in (await source.getmany(timeout_ms=int(WAIT_SECONDS * 1000), max_records=BATCH)).values():
                look(record.value for record in records)
                seen += len(records)
    return _sample(case, "ceiling", count, watch)


async def _port(place: Place, case: str, look: Look) -> Sample:
    count = place.settings.events

    async def begin(partitions: Sequence[Partition]) -> Positions:
        return dict.fromkeys(partitions, 0)

    async with place.bus.join("bench", [CRM_SALES.name], begin) as member:
        while not (records := await member.poll(1, WAIT_SECONDS)):  # until it has its partitions
            pass
        watch, seen = Stopwatch(place.pids), 0
        while seen < count - 1:
            look(record.value for record in records)
            records = await member.poll(BATCH, WAIT_SECONDS)
            seen += len(records)
        look(record.value for record in records)
    return _sample(case, "merit", count, watch)


def _sample(case: str, role: Role, count: int, watch: Stopwatch) -> Sample:
    seconds, cpu = watch.stop()
    return Sample(case, role, count, seconds, {"reader": cpu["load"], "kafka": cpu.get("kafka", 0.0)})


STAGE = Stage(
    "consume",
    "Out of the log, decoded",
    run,
    (Goal("the port, beside aiokafka with the collector off", PORT_DECODED, [DECODED_NO_GC], 0.75),),
)
