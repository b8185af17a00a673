"""HTTP in, acknowledged by Kafka: through the gateway and directly, beside bare servers that do less."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zlib import crc32

from benchmarks.http_load import Tally, WrongAnswer, drive, rendered
from benchmarks.orders import Orders, batches
from benchmarks.place import Place
from benchmarks.profile import profiled
from benchmarks.samples import Goal, Role, Sample, Stage
from benchmarks.settings import ROOT
from benchmarks.usage import Stopwatch
from chassis.bus import Outgoing
from contracts.envelope import BATCH, STRUCTURED
from contracts.topics import CRM_SALES
from tools.cluster.opened import Cluster, free_ports

PER_REQUEST = (100, 1)
CEILINGS = {
    "batch": "raw ASGI, send_batch",
    "send": "raw ASGI, send",
    "usual": "FastAPI, pydantic, send_and_wait",
}
SLOW = {"usual": 10}
"""Cases that get so many times fewer events: they take as long all the same."""
SINGLES = 10
"""One event a request: so many times fewer events."""
WARM_UP = 2_000
WARM_UP_KAFKA = 50_000
START_SECONDS_MAX = 20.0
PATH = "/v1/events"
PROCESSES = ("auth-api", "ingest-api", "kpi-api", "incentive-api", "gateway")
"""The gateway is ready when every service is."""


async def run(place: Place) -> AsyncIterator[Sample]:
    """Each ceiling on a topic of its own, then Merit with an empty database."""
    await _warm_up(place)
    for kind in CEILINGS:
        for per in PER_REQUEST:
            yield await _ceiling(place, kind, per)
    async with place.merit(*PROCESSES) as merit:
        for per in PER_REQUEST:
            for via in ("ingest", "gateway"):
                yield await _merit(place, merit, via, per)


async def _warm_up(place: Place) -> None:
    """Kafka has compiled what taking records needs before the first case: else that one pays for all of them."""
    await place.fresh_topics([CRM_SALES])
    orders = Orders(min(WARM_UP_KAFKA, place.settings.events), place.settings.reps)
    for some in batches(orders, max(PER_REQUEST)):
        await place.bus.append(CRM_SALES.name, [Outgoing(made.order_id.encode(), made.event) for made in some])


async def _ceiling(place: Place, kind: str, per: int) -> Sample:
    await place.fresh_topics([CRM_SALES])
    async with _served(place, kind) as (port, pid):
        count = place.settings.events // SLOW.get(kind, 1)
        pids = {"server": pid}
        return await _measured(place, named(CEILINGS[kind], per), "ceiling", count, per, port, pids, {})


async def _merit(place: Place, merit: Cluster, via: str, per: int) -> Sample:
    processes = merit.supervisor.processes
    shown = ("ingest",) if via == "ingest" else ("ingest", "gateway")
    pids = {name: processes[name if name == "gateway" else f"{name}-api"].pid for name in shown}
    headers = {"authorization": f"Bearer {await merit.token(role='integration', source='*')}"}
    port = merit.layout.ports["ingest-api" if via == "ingest" else "gateway"]
    case = named("Merit, direct" if via == "ingest" else "Merit, gateway", per)
    return await _measured(place, case, "merit", place.settings.events, per, port, pids, headers)


def named(what: str, per: int) -> str:
    """A case's name in the tables."""
    return f"{what}, {per} a request"


async def _measured(
    place: Place, case: str, role: Role, count: int, per: int, port: int, pids: dict[str, int], headers: dict[str, str]
) -> Sample:
    count //= SINGLES if per == 1 else 1
    connections, of = place.settings.connections, f"{crc32(case.encode()):X}"
    warm = _requests(Orders(min(WARM_UP, count), place.settings.reps, f"W{of}"), per, headers)
    await drive(port, warm, connections)
    requests = _requests(Orders(count, place.settings.reps, of), per, headers)
    before = sum((await place.bus.ends(CRM_SALES.name)).values())
    watch = Stopwatch(pids | place.pids)
    async with profiled(place.settings.profiler, pids, place.settings.out, case):
        tally = await drive(port, requests, connections)
    _, cpu = watch.stop()
    await _check(place, tally, count, before, case)
    told = {"p50_ms": tally.at(0.5) * 1000, "p99_ms": tally.at(0.99) * 1000}
    return Sample(case, role, count, tally.seconds, cpu, told, named("", per))


def _requests(orders: Orders, per: int, headers: dict[str, str]) -> list[bytes]:
    if per == 1:
        return rendered(PATH, headers | {"content-type": STRUCTURED}, (made.event for made in orders))
    bodies = (b"[" + b",".join(made.event for made in some) + b"]" for some in batches(orders, per))
    return rendered(PATH, headers | {"content-type": BATCH}, bodies)


async def _check(place: Place, tally: Tally, count: int, before: int, case: str) -> None:
    stored = sum((await place.bus.ends(CRM_SALES.name)).values()) - before
    if (tally.accepted, stored) != (count, count):
        raise WrongAnswer(f"{case}: of {count} events {tally.accepted} were accepted, {stored} are on the log")


@asynccontextmanager
async def _served(place: Place, kind: str) -> AsyncIterator[tuple[int, int]]:
    """The port and the process of a bare server, while the context is open."""
    port = free_ports(["ceiling"])["ceiling"]
    line = [sys.executable, "-m", "benchmarks.ceiling_app", kind, str(port), place.settings.servers, CRM_SALES.name]
    process = await asyncio.create_subprocess_exec(*line, cwd=ROOT)
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not _listens(port):
            if process.returncode is not None or time.monotonic() > deadline:
                raise WrongAnswer(f"the server of {kind} does not listen")
            await asyncio.sleep(0.05)
        yield port, process.pid
    finally:
        process.terminate()
        await process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


BEST, USUAL = (named(CEILINGS[kind], 100) for kind in ("batch", "usual"))
STAGE = Stage(
    "ingest",
    "HTTP in, acknowledged by Kafka",
    run,
    (
        Goal("half of the raw ASGI route, through the gateway", named("Merit, gateway", 100), [BEST], 0.5),
        Goal("ten times the usual handler, through the gateway", named("Merit, gateway", 100), [USUAL], 10),
    ),
)
