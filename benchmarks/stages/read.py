"""Reading KPIs through the gateway over many facts, beside an authenticated address that answers nothing.

The facts are made by SQL (benchmarks.facts) before kpi has any definition; then it starts with one, and after that with
all that it ships, and makes what they need from the facts by itself: that is measured too, until they hold. What
follows from it, the announcements, is cut off: the relay is stopped before anything is read.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from benchmarks import facts
from benchmarks.http_load import WrongAnswer, asked, drive, read
from benchmarks.kpi_with import EMPTY_PATH
from benchmarks.orders import SEED, rep_id
from benchmarks.place import Place, pids_of
from benchmarks.profile import profiled
from benchmarks.samples import Limit, Role, Sample, Stage, Told
from benchmarks.stages.kpi import DEFINITION, DEFINITIONS, STORED, introduce, number, until
from benchmarks.usage import Stopwatch
from chassis import db
from tools.cluster.opened import Cluster

OTHERS = ("auth-api", "ingest-api", "incentive-api")
SHOWN = {"gateway": "gateway", "kpi-api": "kpi"}
CONNECTIONS = 4
"""Few enough that it is the answer that is measured, not the queue before it."""
WARM_UP = 50
MADE_ONE, MADE_OTHERS = "Merit, publishing one definition", "Merit, publishing the other shipped definitions"
EMPTY = "an empty authenticated address"
YEARS = [facts.FIRST_DAY.year + n for n in range(facts.DAYS // 365)]
MONTHS = [f"{year}-{month:02d}" for year in YEARS for month in range(1, 13)]
SHIPPED = sorted(DEFINITIONS.glob("*.yaml"))
MADE_SECONDS_MAX = 3_600.0
TIMES_MAX = 3.0

Asking = Callable[[random.Random, int], str]
QUESTIONS: dict[str, Asking] = {
    "a rep's month": lambda dice, reps: _values("sales_amount", _rep(dice, reps), period=dice.choice(MONTHS)),
    "a rep's growth of a quarter": lambda dice, reps: _values(
        "sales_growth", _rep(dice, reps), period=f"{dice.choice(YEARS)}-Q{dice.randint(1, 4)}"
    ),
    "a rep's orders per customer of a month": lambda dice, reps: _values(
        "orders_per_customer", _rep(dice, reps), period=dice.choice(MONTHS)
    ),
    "a rep's year by month": lambda dice, reps: _values(
        "sales_amount", _rep(dice, reps), period=str(dice.choice(YEARS)), grain="month"
    ),
    "the company's year": lambda dice, _: _values("sales_amount", "company", period=str(dice.choice(YEARS))),
    "a page of 50 reps, a month": lambda dice, _: _values(
        "sales_amount", None, subject_kind="rep", limit="50", period=dice.choice(MONTHS)
    ),
}


async def run(place: Place) -> AsyncIterator[Sample]:
    """What publishing takes, then each question, back to back."""
    definitions = place.home.folder / "none-yet"
    shutil.rmtree(definitions, ignore_errors=True)
    definitions.mkdir()
    async with place.merit(definitions=definitions) as merit:
        await introduce(place, merit)
        async with db.single(merit.layout.schemas.admin_dsn, "kpi") as conn:
            await facts.make(conn, place.settings.facts, place.settings.reps)
        await merit.supervisor.start(*OTHERS)
        shutil.copy(DEFINITION, definitions)
        yield await _published(place, merit, 1, MADE_ONE)
        shutil.copytree(DEFINITIONS, definitions, dirs_exist_ok=True)
        yield await _published(place, merit, len(SHIPPED), MADE_OTHERS)
        await _check(merit)
        empty = await _asked(place, merit, EMPTY, "peer", lambda *_: EMPTY_PATH, {})
        yield empty
        for case, path in QUESTIONS.items():
            yield await _asked(place, merit, case, "merit", path, empty.told)
    shutil.rmtree(definitions)


async def _published(place: Place, merit: Cluster, count: int, case: str) -> Sample:
    """Until so many hold; kpi stops then, before it announces what follows from them, and starts again."""

    async def made() -> bool:
        return len((await _answer(merit, "/v1/kpis"))["items"]) == count

    if "kpi-api" in merit.supervisor.processes:
        await merit.supervisor.stop("kpi-api")
    watch = Stopwatch(place.pids)
    await merit.supervisor.start("kpi-api")
    await merit.supervisor.start("kpi-relay")
    if "gateway" not in merit.supervisor.processes:
        await merit.supervisor.start("gateway")
    await until(made, MADE_SECONDS_MAX)
    seconds, cpu = watch.stop()
    await merit.supervisor.stop("kpi-relay")
    told = {"database_bytes_per_fact": round(await number(merit, STORED) / place.settings.facts)}
    return Sample(case, "merit", place.settings.facts, seconds, cpu, told)


async def _check(merit: Cluster) -> None:
    """Raises WrongAnswer unless the company's sales of the last year are right."""
    days = dt.date(YEARS[-1], 1, 1), dt.date(YEARS[-1] + 1, 1, 1)
    async with db.single(merit.layout.schemas.admin_dsn, "kpi") as conn:
        right = await conn.fetchval("select sum(amount) from order_fact where day >= $1 and day < $2", *days)
    found = await _answer(merit, _values("sales_amount", "company", period=str(YEARS[-1])))
    if Decimal(found["items"][0]["value"] or 0) != right:
        raise WrongAnswer(f"the sales of {YEARS[-1]} are {found['items'][0]['value']}, not {right}")


async def _answer(merit: Cluster, path: str) -> Any:
    async with merit.client() as http:
        answer = await http.get(path, headers=_said(await merit.token(role="analyst")))
    if answer.status_code != HTTPStatus.OK:
        raise WrongAnswer(f"{answer.status_code}: {answer.text[:500]}")
    return answer.json()


async def _asked(place: Place, merit: Cluster, case: str, role: Role, path: Asking, empty: Told) -> Sample:
    """So many questions of a kind, on a few connections; ``empty``: what was told of the empty address."""
    paths = _paths(path, place.settings.reps, case)
    headers = _said(await merit.token(role="analyst"))
    port = merit.layout.ports["gateway"]
    await drive(port, asked([next(paths) for _ in range(WARM_UP)], headers), CONNECTIONS, judge=read)
    requests = asked([next(paths) for _ in range(place.settings.reads)], headers)
    pids = pids_of(merit.supervisor, SHOWN)
    watch = Stopwatch(pids | place.pids)
    async with profiled(place.settings.profiler, pids, place.settings.out, case):
        tally = await drive(port, requests, CONNECTIONS, judge=read)
    _, cpu = watch.stop()
    told: dict[str, float] = {"p50_ms": tally.at(0.5) * 1000, "p99_ms": tally.at(0.99) * 1000}
    if empty:
        told["p99_of_empty"] = told["p99_ms"] / float(empty["p99_ms"])
    return Sample(case, role, len(requests), tally.seconds, cpu, told)


def _paths(path: Asking, reps: int, case: str) -> Iterator[str]:
    dice = random.Random(f"{SEED} {case}")
    while True:
        yield path(dice, reps)


def _rep(dice: random.Random, reps: int) -> str:
    return rep_id(dice.randrange(reps))


def _values(key: str, subject: str | None, **asked_for: str) -> str:
    if subject is not None:
        asked_for |= {"subject_kind": "company" if subject == "company" else "rep", "subject": subject}
    return f"/v1/kpis/{key}/values?" + "&".join(f"{name}={value}" for name, value in asked_for.items())


def _said(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


STAGE = Stage(
    "read",
    "Reading KPIs through the gateway, over many facts",
    run,
    [Limit(f"p99 of {case}, beside the empty address", case, "p99_of_empty", TIMES_MAX) for case in QUESTIONS],
)
