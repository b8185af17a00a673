"""What another process of the same machine may know of a running Merit: its address, and tokens from its own keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from chassis.clock import Clock, SystemClock
from merit import embedded, embedded_postgres
from merit.home import Home, Installation, MeritError
from services.auth import __main__ as auth
from services.auth.handlers.tokens import CannotIssue

RUNNING = "running.json"


@contextmanager
def announced(home: Home, url: str) -> Iterator[None]:
    """Leave word in the home of where Merit answers, while the context is open."""
    path = home.folder / RUNNING
    home.write_private(path, json.dumps({"url": url}))
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Local:
    """A running Merit whose home is ours to read."""

    url: str
    installation: Installation
    schemas: embedded.Schemas

    @classmethod
    def find(cls, home: Home) -> Local:
        """The Merit that runs on this home now. Raises MeritError when none does, or when the home is not ours."""
        server = embedded_postgres.attach(home)
        try:
            url = str(json.loads((home.folder / RUNNING).read_text())["url"])
        except OSError as error:
            raise MeritError(f"No Merit runs on the home {home.folder}: start it with `merit up`.") from error
        return cls(url, home.installation(None, None), embedded.schemas_of(home, server))

    async def token(self, *, role: str | None = None, person: str | None = None, clock: Clock | None = None) -> str:
        """An access token for a role, or for a person (in one of the roles, if given). Raises MeritError."""
        settings = embedded.auth_settings(self.schemas, self.installation, self.url)
        try:
            return await auth.issue(settings, clock or SystemClock(), person_id=person, role=role)
        except CannotIssue as error:
            raise MeritError(f"{str(error)[:1].upper()}{str(error)[1:]}.") from error
