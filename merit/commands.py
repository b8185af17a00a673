"""What the commands do that talk to a running Merit."""

from __future__ import annotations

from collections.abc import Sequence

from merit.api import Api, client, given
from merit.home import Home
from merit.local import Local
from merit.verify import Check, verify


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


async def verify_at(url: str, token: str | None) -> list[Check]:
    """Check a Merit elsewhere, with an auditor's token. Raises MeritError."""
    auditor = given(token)
    async with client(url) as http:
        return await verify(Api(http, auditor))
