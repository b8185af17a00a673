"""What the commands do that talk to a running Merit."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console

from chassis.clock import SystemClock
from merit.api import Api, client
from merit.home import Home, MeritError
from merit.import_shown import bars
from merit.importing import mapping as mappings
from merit.importing.door import LOCAL, Door
from merit.importing.run import Import, Summary
from merit.local import Local
from merit.verify import Check, verify


async def import_file(
    file: Path, mapping: Path, home: Home, url: str | None, token: str | None, console: Console
) -> Summary:
    """Import a file to the Merit of this home, or to the one at ``url`` with a token. Raises MeritError."""
    checked = mappings.load(mapping)
    async with _door(home, url, token) as (door, zone):
        job = Import(file, checked, door, home.imports, SystemClock().new_id(), zone)
        with bars(console) as progress:
            return await job.run(progress)


@asynccontextmanager
async def _door(home: Home, url: str | None, token: str | None) -> AsyncIterator[tuple[Door, str]]:
    if url is None:
        here = Local.find(home)
        async with client(here.url) as http:
            yield Door(http, lambda role: here.token(role=role), LOCAL), here.installation.zone
        return
    if not token:
        raise MeritError("A Merit elsewhere needs an access token: put it into the environment as MERIT_TOKEN.")

    async def given(role: str) -> str:
        return token or ""

    async with client(url) as http:
        yield Door(http, given, hashlib.sha256(url.encode()).hexdigest()), "UTC"


def closing(checks: Sequence[Check]) -> str:
    """The last line of a verification."""
    failed = sum(not check.ok for check in checks)
    if not checks:
        return "nothing was checked"
    return f"{failed} of {len(checks)} checks failed" if failed else f"{len(checks)} checks, all hold"


async def verify_here(home: Home) -> list[Check]:
    """Check the Merit that runs on this home. Raises MeritError."""
    here = Local.find(home)
    async with client(here.url) as http:
        return await verify(Api(http, lambda role: here.token(role=role)))
