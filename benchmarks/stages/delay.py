"""From a 202 until the event counts in a KPI that is read through the gateway, at half of the sustained rate.

The sustained rate is found first: as fast as the gateway takes orders until the last one is counted. Then orders come
at half of that rate, and probes beside them: one order each, read back with ``after=`` its position.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import httpx

from benchmarks.http_load import WrongAnswer, drive, rendered
from benchmarks.orders import FIRST_DAY, Made, Orders, batches, rep_id
from benchmarks.place import Place, pids_of
from benchmarks.samples import Limit, Sample, Stage
from benchmarks.stages.kpi import introduce, read, until
from benchmarks.usage import Stopwatch
from contracts.envelope import BATCH, STRUCTURED
from contracts.topics import CRM_SALES
from tools.cluster.opened import Cluster

PROCESSES = ("auth-api", "ingest-api", "kpi-api", "incentive-api", "kpi-worker-1", "kpi-relay", "gateway")
SHOWN = {"ingest-api": "ingest", "gateway": "gateway", "kpi-worker-1": "worker", "kpi-relay": "relay", "kpi-api": "kpi"}
PER_REQUEST = 100
BURST_SHARE = 10
"""The burst that finds the sustained rate is so many times smaller than the other stages."""
PACED_SECONDS = 20.0
PROBE_EVERY_SECONDS = 0.1
SUSTAINED, DELAY = "Merit, accepted to counted", "Merit, at half of that rate"
VISIBLE_MS_MAX = 500
VISIBLE_SECONDS_MAX = 60.0


async def run(place: Place) -> AsyncIterator[Sample]:
    """The burst, then the probes beside half of its rate."""
    async with place.merit() as merit:
        await introduce(place, merit)
        await merit.supervisor.start(*PROCESSES)
        burst = await _burst(place, merit)
        yield burst
        yield await _paced(place, merit, burst.rate / 2)


async def _headers(merit: Cluster) -> dict[str, str]:
    return {"authorization": f"Bearer {await merit.token(role='integration', source='*')}", "content-type": BATCH}


async def _requests(merit: Cluster, orders: Orders) -> list[bytes]:
    bodies = (b"[" + b",".join(made.event for made in some) + b"]" for some in batches(orders, PER_REQUEST))
    return rendered("/v1/events", await _headers(merit), bodies)


async def _burst(place: Place, merit: Cluster) -> Sample:
    count = max(PER_REQUEST, place.settings.events // BURST_SHARE)
    requests = await _requests(merit, Orders(count, place.settings.reps, "BURST"))

    async def counted() -> bool:
        return await read(merit, CRM_SALES) >= count

    watch = Stopwatch(pids_of(merit.supervisor, SHOWN) | place.pids)
    await drive(merit.layout.ports["gateway"], requests, place.settings.connections)
    await until(counted)
    return Sample(SUSTAINED, "merit", count, *watch.stop())


async def _paced(place: Place, merit: Cluster, rate: float) -> Sample:
    count = max(PER_REQUEST, int(rate * PACED_SECONDS) // PER_REQUEST * PER_REQUEST)
    requests = await _requests(merit, Orders(count, place.settings.reps, "PACED"))
    watch = Stopwatch(pids_of(merit.supervisor, SHOWN) | place.pids)
    load = asyncio.create_task(
        drive(merit.layout.ports["gateway"], requests, place.settings.connections, PER_REQUEST / rate)
    )
    probes = await _probed(place, merit, load)
    tally = await load
    _, cpu = watch.stop()
    told = {
        "visible_p50_ms": _at(probes, 0.5),
        "visible_p99_ms": _at(probes, 0.99),
        "probes": len(probes),
        "accepted_p50_ms": tally.at(0.5) * 1000,
        "accepted_p99_ms": tally.at(0.99) * 1000,
    }
    return Sample(DELAY, "merit", count, tally.seconds, cpu, told)


async def _probed(place: Place, merit: Cluster, load: asyncio.Task[Any]) -> list[float]:
    """Milliseconds from the 202 of each probe until it is counted, for as long as the load lasts."""
    rep, delays, total = rep_id(0), list[float](), Decimal(0)
    async with merit.client() as http:
        sender = {**await _headers(merit), "content-type": STRUCTURED}
        reader = {"authorization": f"Bearer {await merit.token(role='analyst')}"}
        for made in Orders(100_000, 1, "PROBE"):
            if load.done():
                break
            position = (await _answer(http.post("/v1/events", content=_probe(made), headers=sender)))["position"]
            since, total = time.perf_counter(), total + Decimal(made.cents).scaleb(-2)
            asked = {"subject_kind": "rep", "subject": rep, "period": f"{_PROBED:%Y-%m}", "after": position}
            value = None
            while value != total:  # an answer that could not wait any longer says so, and is asked for again
                if time.perf_counter() > since + VISIBLE_SECONDS_MAX:
                    raise WrongAnswer(f"after {len(delays) + 1} probes the value is {value}, not {total}")
                found = await _answer(http.get("/v1/kpis/sales_amount/values", params=asked, headers=reader))
                value = Decimal(found["items"][0]["value"])
            delays.append((time.perf_counter() - since) * 1000)
            await asyncio.sleep(PROBE_EVERY_SECONDS)
    return delays


_PROBED = FIRST_DAY.replace(year=FIRST_DAY.year - 1)
"""Probes count in a month that the load does not touch, so that their sum is known at each moment."""


def _probe(made: Made) -> bytes:
    return made.event.replace(f'"time":"{FIRST_DAY.year}'.encode(), f'"time":"{_PROBED.year}'.encode())


async def _answer(call: Any) -> Any:
    answer: httpx.Response = await call
    if answer.status_code not in (200, 202):
        raise WrongAnswer(f"{answer.status_code}: {answer.text[:500]}")
    return answer.json()


def _at(delays: list[float], share: float) -> float:
    return sorted(delays)[min(len(delays) - 1, int(len(delays) * share))]


STAGE = Stage(
    "delay",
    "From 202 to a KPI that is read through the gateway",
    run,
    (Limit("p99 from accepted to visible, in ms", DELAY, "visible_p99_ms", VISIBLE_MS_MAX),),
)
