"""What ``merit import`` does: files to a running Merit, or, dry, to nobody, so that every fault is seen before."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console

from chassis.clock import SystemClock
from merit import import_shown, samples
from merit.api import Api, client, given
from merit.home import Home
from merit.importing import mapping as mappings
from merit.importing.door import LOCAL, Door
from merit.importing.mapping import ImportMapping
from merit.importing.run import Import, Summary
from merit.local import RUNNING, Local

CUSTODIAN = "admin"
"""The role that may read what an installation asks of events."""
ELSEWHERE_ZONE = "UTC"


@dataclass(frozen=True)
class Wanted:
    """What to import, by which mapping (a file, or the name of one that is shipped), and to which Merit."""

    path: Path
    mapping: Path
    home: Home
    url: str | None = None
    token: str | None = None


async def import_files(wanted: Wanted, console: Console) -> Summary:
    """Import to the Merit of the home, or to the one at ``url`` with a token. Raises MeritError."""
    checked = _load(wanted.mapping)
    async with _door(wanted) as (door, zone):
        job = Import(wanted.path, checked, door, wanted.home.imports, SystemClock().new_id(), zone)
        with import_shown.bars(console) as progress:
            return await job.run(progress)


async def dry_run(wanted: Wanted, console: Console) -> Summary:
    """Show what would be sent and every fault of it, and send nothing. Raises MeritError.

    It is judged by what the running Merit asks of events; where none runs, by what every Merit does.
    """
    from merit.importing.dry_run import DryRun, rules, traceless  # loads the rules of every service

    checked, clock = _load(wanted.mapping), SystemClock()
    zone, catalogue = await _asked(wanted, console)
    door = DryRun(rules(ZoneInfo(zone), clock.now(), catalogue), _installation(wanted.url))
    with traceless(wanted.home.imports) as scratch, import_shown.bars(console) as progress:
        hear = import_shown.teller(console)
        job = Import(wanted.path, checked, door, scratch, clock.new_id(), zone, scratch, hear)
        summary = await job.run(progress)
    import_shown.show_first(door.first, console)
    return summary


def _load(mapping: Path) -> ImportMapping:
    with _found(mapping) as path:
        return mappings.load(path)


@contextmanager
def _found(mapping: Path) -> Iterator[Path]:
    if mapping.exists() or str(mapping) not in samples.mapping_names():
        yield mapping
    else:
        with samples.mapping(str(mapping)) as path:
            yield path


def _installation(url: str | None) -> str:
    return hashlib.sha256(url.encode()).hexdigest() if url else LOCAL


@asynccontextmanager
async def _door(wanted: Wanted) -> AsyncIterator[tuple[Door, str]]:
    if wanted.url is None:
        here = Local.find(wanted.home)
        async with client(here.url) as http:
            yield Door(http, lambda role: here.token(role=role), LOCAL), here.installation.zone
        return
    token = given(wanted.token)
    async with client(wanted.url) as http:
        yield Door(http, token, _installation(wanted.url)), ELSEWHERE_ZONE


async def _asked(wanted: Wanted, console: Console) -> tuple[str, list[dict[str, Any]]]:
    """The zone, and what the catalogue says of event types; without a running Merit the home's zone, and nothing."""
    if wanted.url is None and not (wanted.home.folder / RUNNING).exists():
        console.print("No Merit runs here: what an installation requires beyond the schemas is not looked at.")
        return (made.zone if (made := wanted.home.made) else "UTC"), []
    async with _door(wanted) as (door, zone):
        await door.reach()
        catalogue: list[dict[str, Any]] = (await Api(door.http, door.token).get(CUSTODIAN, "/v1/event-types"))["items"]
        return zone, catalogue
