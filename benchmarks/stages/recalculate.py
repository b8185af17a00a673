"""A quarter is calculated, and then anew under another rate: every credit's line changes, and the ledger corrects each.

The credits are made by SQL (benchmarks.quarter); people come over the log and plans over HTTP, and the relay's settler
does the rest. The clock begins with the plan and ends when nobody is due: the ledger then has every entry. That each is
told on ``incentive-ledger`` is waited for, beyond the clock. Beside it DuckDB sums the same credits, as it would to
answer the same question if nobody asked why.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any

import duckdb
import httpx
from rich.console import Console

from benchmarks import quarter
from benchmarks.http_load import WrongAnswer
from benchmarks.place import Place, pids_of
from benchmarks.profile import profiled
from benchmarks.samples import Goal, Sample, Stage
from benchmarks.stages.kpi import introduce, number, until
from benchmarks.usage import Stopwatch
from chassis import db
from tools.cluster.opened import Cluster

FIRST, AGAIN, SUMMED = "Merit, for the first time", "Merit, recalculating", "DuckDB, summing by payee"
BOUND = 100_000
RATES = {FIRST: ("0.05", "0.08"), AGAIN: ("0.06", "0.09")}
"""Of what a payee sells in the quarter up to BOUND, and beyond."""
SETTLING = {"incentive-relay": "relay"}
SECONDS_MAX = 4 * 3_600.0
LOOK_EVERY_SECONDS = 0.2
SAY_EVERY_SECONDS = 15.0
USUAL_PACE = 500
"""Credits a second, as seen on two busy cores: to say beforehand what a run will take."""
SUMS = 9
TIMES = 5
_RIGHT = """
select sum(round(least(sold, $1) * $2::text::numeric + greatest(sold - $1, 0) * $3::text::numeric, 2))
from (select sum(amount::numeric) as sold from credit group by payee_id) s
"""
_PAID = "select -sum(amount_minor) / 100 from ledger_posting where account like 'payable:%'"
_WAITING = "select count(distinct payee_id) from due"


async def run(place: Place) -> AsyncIterator[Sample]:
    """Calculated, calculated anew, and summed."""
    count, payees = place.settings.credits, place.settings.payees
    minutes = len(RATES) * count / USUAL_PACE / 60
    Console().print(f"{count:,} credits, calculated twice: at {USUAL_PACE:,} a second {minutes:,.0f} minutes")
    async with place.merit() as merit:
        await introduce(place, merit, "incentive", payees)
        async with db.single(merit.layout.schemas.admin_dsn, "incentive") as conn:
            await quarter.make(conn, count, payees)
        await merit.supervisor.start("auth-api", "incentive-api", "incentive-relay")
        for times, case in enumerate(RATES, 1):
            yield await _calculated(place, merit, case, entries=times * count)
        yield await _summed(merit, count, place.home.folder / "credits.csv")


async def _calculated(place: Place, merit: Cluster, case: str, entries: int) -> Sample:
    """Publish the plan with the rates of this case, and wait until nobody is due. Raises WrongAnswer."""
    pids = pids_of(merit.supervisor, SETTLING)
    watch = Stopwatch(pids | place.pids)
    async with profiled(place.settings.profiler, pids, place.settings.out, case):
        await _publish(merit, RATES[case])
        await _drained(merit, case)
    seconds, cpu = watch.stop()
    await _check(merit, case, entries)

    async def told() -> bool:
        return not await number(merit, "select count(*) from outbox", schema="incentive")

    await until(told, SECONDS_MAX)
    return Sample(case, "merit", place.settings.credits, seconds, cpu, {"payees": place.settings.payees})


async def _publish(merit: Cluster, rates: tuple[str, str]) -> None:
    low, high = rates
    tiers = [
        {"from": "0", "to": str(BOUND), "mode": "marginal", "rate": low},
        {"from": str(BOUND), "mode": "marginal", "rate": high},
    ]
    component: dict[str, Any] = {
        "key": "commission",
        "kind": "commission",
        "basis": "amount",
        "window": {"calendar": "quarter"},
        "anchor": "booked",
        "reversal": "re_rate",
        "round": "cumulative",
        "currency": "USD",
        "bounds": "lower_inclusive",
        "tiers": tiers,
    }
    plan = {"valid_from": str(quarter.FIRST_DAY), "assigned_to": {"roles": ["rep"]}, "components": [component]}
    url = f"http://127.0.0.1:{merit.layout.ports['incentive-api']}/v1/plans/standard"
    headers = {"authorization": f"Bearer {await merit.token(role='compensation')}"}
    async with httpx.AsyncClient(trust_env=False, timeout=60.0) as http:
        answer = await http.put(url, json=plan, headers=headers)
    if answer.status_code != HTTPStatus.OK:
        raise WrongAnswer(f"{answer.status_code}: {answer.text[:500]}")


async def _drained(merit: Cluster, case: str) -> None:
    """Until nobody is due; says now and then how far it is."""
    async with db.single(merit.layout.schemas.admin_dsn, "incentive") as conn, asyncio.timeout(SECONDS_MAX):
        whole = await conn.fetchval(_WAITING)
        began = said = time.perf_counter()
        while waiting := await conn.fetchval(_WAITING):
            now = time.perf_counter()
            if now - said >= SAY_EVERY_SECONDS and waiting < whole:
                left = (now - began) / (whole - waiting) * waiting
                Console().print(f"{case}: {waiting:,} of {whole:,} payees are due, {left / 60:.0f} minutes to go")
                said = now
            await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _check(merit: Cluster, case: str, entries: int) -> None:
    """What is payable is what the quarter comes to under these rates, by PostgreSQL's own arithmetic."""
    async with db.single(merit.layout.schemas.admin_dsn, "incentive") as conn:
        right = await conn.fetchval(_RIGHT, Decimal(BOUND), *RATES[case])
        paid = await conn.fetchval(_PAID)
        found = await conn.fetchval("select count(*) from ledger_entry")
    if paid != right:
        raise WrongAnswer(f"{case}: {paid} is payable, not {right}")
    if found != entries:
        raise WrongAnswer(f"{case}: the ledger has {found} entries, not {entries}")


async def _summed(merit: Cluster, count: int, page: Path) -> Sample:
    """The median of SUMS sums over a table in DuckDB's memory. Raises WrongAnswer where PostgreSQL's sum differs."""
    async with db.single(merit.layout.schemas.admin_dsn, "incentive") as conn:
        right = await conn.fetchval("select sum(amount::numeric) from credit")
        await conn.copy_from_query("select payee_id, amount from credit", output=page, format="csv")
    seconds, total = await asyncio.to_thread(_sums, page)
    if total != right:
        raise WrongAnswer(f"DuckDB's sum is {total}, PostgreSQL's {right}")
    return Sample(SUMMED, "ceiling", count, seconds)


def _sums(page: Path) -> tuple[float, Decimal]:
    with duckdb.connect() as conn:
        conn.execute("create table credit (payee_id varchar, amount decimal(18, 2))")
        conn.execute("insert into credit select * from read_csv(?, header = false)", [str(page)])
        page.unlink()
        took = []
        for _ in range(SUMS):
            since = time.perf_counter()
            rows = conn.execute("select payee_id, sum(amount) from credit group by payee_id").fetchall()
            took.append(time.perf_counter() - since)
    return median(took), sum((total for _, total in rows), Decimal(0))


STAGE = Stage(
    "recalculate",
    "A quarter calculated and calculated anew, until nobody is due",
    run,
    (Goal(f"within {TIMES} × the time of a sum in DuckDB", AGAIN, (SUMMED,), 1 / TIMES),),
)
