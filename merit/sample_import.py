"""The shipped sample, imported through the public API; what a home has already is not sent again."""

from __future__ import annotations

import csv
from pathlib import Path

from rich.console import Console

from chassis.clock import Clock
from merit import samples
from merit.api import Api
from merit.home import Home, Installation, MeritError
from merit.import_shown import bars
from merit.importing import mapping
from merit.importing.door import Door
from merit.importing.run import Import
from merit.samples import Sample

MARK = "sample"
"""The file in the home with the sample that it was made with (or none), then the fingerprint of what was imported."""
NONE = "none"
"""What a home without a sample remembers, and the word that asks for that."""
DEFAULT = samples.ADVENTUREWORKS
PLANNER = "compensation"


def check(home: Home, asked: str | None, currency: str | None) -> None:
    """Whether the home can have the sample that is asked for; without a currency, its own. Raises MeritError."""
    kept, made = _kept(home), home.made
    if asked == NONE and kept not in (None, NONE):
        raise MeritError(
            f"The home {home.folder} was made with the sample {kept}, which cannot be taken out:"
            " leave --sample out, or choose another home with --home."
        )
    has = currency or (made.currency if made else None)
    sample = samples.SAMPLES.get(asked or NONE)
    if sample and has and has != sample.currency:
        raise MeritError(f"The sample {sample.name} is in {sample.currency} and this home in {has}: use --sample none.")


async def choose(api: Api, home: Home, chosen: Installation, asked: str | None, console: Console) -> Sample | None:
    """The sample that was asked for, else the one that the home was made with; the home remembers it.

    A new home has the default one, unless that is in another currency; a home that remembers nothing has it as well,
    unless it has only people of its own. Raises MeritError.
    """
    kept = _kept(home)
    name = asked or kept or await _for_unmarked(api, home, chosen, console)
    if name != kept:
        home.write_private(home.folder / MARK, name)
    return samples.SAMPLES.get(name)


async def _for_unmarked(api: Api, home: Home, chosen: Installation, console: Console) -> str:
    if chosen.currency != DEFAULT.currency:
        console.print(
            f"The sample {DEFAULT.name} is in {DEFAULT.currency} and this home in {chosen.currency}:"
            " Merit starts without a sample."
        )
        return NONE
    people = {person["person_id"] for person in await api.items("admin", "/v1/people")}
    with samples.folder(DEFAULT) as folder, (folder / DEFAULT.steps[0][0]).open(encoding="utf-8", newline="") as file:
        own = {row["BusinessEntityID"] for row in csv.DictReader(file)}
    return NONE if people and not people & own else DEFAULT.name


def _kept(home: Home) -> str | None:
    """The name in the home's mark; None when there is none."""
    try:
        words = (home.folder / MARK).read_text().split()
    except OSError:
        return None
    return words[0] if words else None


async def bring(api: Api, home: Home, chosen: Installation, sample: Sample, clock: Clock, console: Console) -> str:
    """Import the sample unless this home has it; returns the position to read after. Raises MeritError.

    Interrupted, it goes on where it was at the next call: everything that it sends may be sent again.
    """
    mark = home.folder / MARK
    with samples.folder(sample) as folder:
        known = f"{sample.name} {samples.fingerprint(folder)}"
        if mark.exists() and mark.read_text() == known:
            return ""
        position = await _import(api, home, chosen, sample, folder, clock, console)
    home.write_private(mark, known)
    return position


async def _import(
    api: Api, home: Home, chosen: Installation, sample: Sample, folder: Path, clock: Clock, console: Console
) -> str:
    for key in sample.plans:
        await api.put(PLANNER, f"/v1/plans/{key}", samples.plan(folder, key))
    door, position = Door(api.http, api.token), ""
    with bars(console) as progress:
        for file, name in sample.steps:
            checked = mapping.load(folder / name)
            job = Import(folder / file, checked, door, home.imports, clock.new_id(), chosen.zone, home.imports)
            summary = await job.run(progress)
            if summary.faulty:
                raise MeritError(f"The sample's {file} could not be imported whole: {summary.faults[0]}")
            position = summary.position or position
    return position
