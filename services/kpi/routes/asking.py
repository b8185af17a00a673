"""What every route needs: its dependencies, pages, the caller's sight, and waiting for what was just sent."""

from __future__ import annotations

import asyncio
import datetime as dt
from dataclasses import dataclass, field
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from chassis.bus import Bus, format_positions, parse_positions
from chassis.clock import Clock
from chassis.db import Database
from chassis.inbox import wait_until
from chassis.tokens import Caller, Verifier
from contracts.topics import CRM_SALES, CRM_SERVICE
from services.kpi.domain.errors import BadQuestion, NotYet
from services.kpi.domain.reports import Report
from services.kpi.domain.sight import Sight
from services.kpi.handlers.saved import Shelf, reports

LIMIT_DEFAULT, LIMIT_MAX = 50, 200
RESULTS_AT_ONCE_MAX = 2
PARTITIONS = {topic.name: topic.partitions for topic in (CRM_SALES, CRM_SERVICE)}
"""The topics whose events count here: for the rest of a position there is nothing to wait for."""


@dataclass(frozen=True)
class Deps:
    """What the routes need."""

    database: Database
    bus: Bus
    clock: Clock
    verifier: Verifier
    zone: ZoneInfo
    currency: str
    fiscal_month: int = 1
    reports: Shelf[Report] = field(default_factory=lambda: reports({}))
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(RESULTS_AT_ONCE_MAX))
    """So many results of reports are made in a process at a time; values are read meanwhile."""

    def today(self) -> dt.date:
        """The local day that it is in the business zone: where windows end unless asked otherwise."""
        return self.clock.now().astimezone(self.zone).date()


class PageQuery(BaseModel):
    """How much of a list, and from where on."""

    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT
    cursor: Annotated[str, Field(max_length=600)] = ""


def deps_of(request: Request) -> Deps:
    """The dependencies that the application was made with."""
    deps: Deps = request.app.state.deps
    return deps


def sight_of(caller: Caller, permission: str) -> Sight:
    """What a permission lets the caller see; who needs a person and has none sees nothing (no id is empty)."""
    match caller.scope(permission):
        case "all":
            return Sight()
        case "tree":
            return Sight(tree=caller.person_id or "")
    return Sight(own=caller.person_id or "")


async def counted(deps: Deps, after: str | None) -> None:
    """Wait until what lies before the position ``after`` is counted. Raises BadQuestion, NotYet."""
    if not after:
        return
    try:
        wanted = parse_positions(after)
    except ValueError as error:
        raise BadQuestion("'after' is no position of ours") from error
    ours = {p: offset for p, offset in wanted.items() if p.topic in PARTITIONS}
    if any(p.number >= PARTITIONS[p.topic] for p in ours):
        raise BadQuestion("'after' names a partition that is not there")
    behind = await wait_until(deps.database, ours, deps.clock)
    if behind:
        raise NotYet(f"not counted yet; read so far: {format_positions(behind)}")
