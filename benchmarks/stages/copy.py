"""Into PostgreSQL: the ceiling of whatever keeps a row per event."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from benchmarks.orders import Orders
from benchmarks.place import Place
from benchmarks.samples import Role, Sample, Stage
from benchmarks.usage import Stopwatch
from chassis import db

BATCH = 5_000
TABLE = 'create table copied (order_id text collate "C" primary key, rep_id text, day date, cents bigint, event bytea)'


async def run(place: Place) -> AsyncIterator[Sample]:
    """One COPY, and one per 5,000 events; with the event's bytes and without."""
    made = list(Orders(place.settings.events, place.settings.reps))
    for what, rows in (
        ("without", [(m.order_id, m.rep, m.day, m.cents, None) for m in made]),
        ("with", [(m.order_id, m.rep, m.day, m.cents, m.event) for m in made]),
    ):
        for how, size in (("one COPY", len(rows)), (f"COPY per {BATCH:,}", BATCH)):
            yield await _copied(place, f"{how}, {what} the event's bytes", rows, size)


async def _copied(place: Place, case: str, rows: Sequence[tuple[object, ...]], size: int) -> Sample:
    role: Role = "ceiling"
    async with place.database() as dsn, db.single(dsn) as conn:
        await conn.execute(TABLE)
        watch = Stopwatch(place.pids)
        for start in range(0, len(rows), size):
            await conn.copy_records_to_table("copied", records=rows[start : start + size])
        seconds, cpu = watch.stop()
    return Sample(case, role, len(rows), seconds, {"postgres": cpu["postgres"], "client": cpu["load"]})


STAGE = Stage("copy", "Into PostgreSQL", run)
