"""How events and reads fare as a company grows: from 10 reps to 10,000, and from one definition to 50.

A third of the other stages' events each, and a third of the reads, of a rep's month, when all are counted.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import yaml

from benchmarks.http_load import asked, drive, read
from benchmarks.orders import FIRST_DAY, rep_id
from benchmarks.place import Place
from benchmarks.samples import Sample, Stage, Told
from benchmarks.stages.kpi import DEFINITION, measured
from tools.cluster.opened import Cluster

SHARE = 3
REPS_FEWEST, STEP = 10, 10
READERS = ("auth-api", "ingest-api", "incentive-api", "kpi-api", "gateway")
CONNECTIONS = 4
WARM_UP = 50


async def run(place: Place) -> AsyncIterator[Sample]:
    """One definition and ever more reps, then as many reps as elsewhere and ever more definitions."""
    settings = replace(place.settings, events=max(1, place.settings.events // SHARE))
    folder = place.home.folder / "growth"
    for reps in _steps(REPS_FEWEST, settings.reps_most):
        smaller = replace(place, settings=replace(settings, reps=reps))
        yield await _measured(smaller, f"{reps:,} reps, one definition", folder, 1)
    for count in _steps(1, settings.definitions_most):
        smaller = replace(place, settings=settings)
        yield await _measured(smaller, f"{settings.reps:,} reps, {_several(count)}", folder, count)
    shutil.rmtree(folder)


def _steps(first: int, last: int) -> Iterator[int]:
    """Ten times as many each time, and the last."""
    while first < last:
        yield first
        first *= STEP
    yield last


def _several(count: int) -> str:
    return "one definition" if count == 1 else f"{count} definitions"


async def _measured(place: Place, case: str, folder: Path, definitions: int) -> Sample:
    _write(folder, definitions)

    async def afterwards(merit: Cluster) -> Told:
        return await _read(place, merit)

    return await measured(place, case, folder, afterwards)


def _write(folder: Path, count: int) -> None:
    """The sales amount as it ships, and the same of orders above so many dollars: a measure each."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(DEFINITION, folder)
    shipped = yaml.safe_load(DEFINITION.read_text(encoding="utf-8"))
    for n in range(1, count):
        where = [{"field": "amount", "operator": "gte", "value": f"{n * 10}"}]
        body = {**shipped, "key": f"sales_above_{n * 10}", "where": where}
        (folder / f"{n}.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")


async def _read(place: Place, merit: Cluster) -> Told:
    await merit.supervisor.start(*READERS)
    headers = {"authorization": f"Bearer {await merit.token(role='analyst')}"}
    port = merit.layout.ports["gateway"]
    await drive(port, asked(_paths(place, WARM_UP), headers), CONNECTIONS, judge=read)
    tally = await drive(port, asked(_paths(place, place.settings.reads // SHARE), headers), CONNECTIONS, judge=read)
    return {"read_p50_ms": tally.at(0.5) * 1000, "read_p99_ms": tally.at(0.99) * 1000}


def _paths(place: Place, count: int) -> Iterator[str]:
    """A rep's month, rep after rep."""
    for n in range(max(1, count)):
        rep = rep_id(n % place.settings.reps)
        yield f"/v1/kpis/sales_amount/values?subject_kind=rep&subject={rep}&period={FIRST_DAY:%Y-%m}"


STAGE = Stage("growth", "More reps and more definitions", run)
