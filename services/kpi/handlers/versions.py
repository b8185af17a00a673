"""The versions of a definition, and how far those have come that are being made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import Connection
from services.kpi.domain.definitions import Published
from services.kpi.domain.errors import KpiNotFound, VersionNotFound
from services.kpi.store import definitions, making
from services.kpi.store.making import Progress


@dataclass(frozen=True, slots=True)
class Made:
    """How many of the facts are made; of those that came meanwhile none is told."""

    facts_done: int
    facts_total: int
    started_at: dt.datetime

    def ends_about_at(self, now: dt.datetime) -> dt.datetime | None:
        """When all facts will be done at the rate so far; None before the first, and when they are: then keys are
        counted, which is short beside it."""
        left = self.facts_total - self.facts_done
        return now + (now - self.started_at) * left / self.facts_done if self.facts_done and left else None


@dataclass(frozen=True, slots=True)
class Version:
    """A version; ``made`` while it is being made."""

    published: Published
    made: Made | None = None


async def listed(conn: Connection, key: str, before: int | None, limit: int) -> list[Version]:
    """The versions of a key with a number below ``before``, the newest first. Raises KpiNotFound."""
    found = await definitions.versions(conn, key, before, limit)
    if not found and before is None:
        raise KpiNotFound(f"no KPI {key!r} is published")
    return await _with_progress(conn, found)


async def one(conn: Connection, key: str, number: int) -> Version:
    """One version of a key. Raises VersionNotFound."""
    if (found := await definitions.version(conn, key, number)) is None:
        raise VersionNotFound(f"{key!r} has no version {number}")
    (version,) = await _with_progress(conn, [found])
    return version


async def _with_progress(conn: Connection, found: Sequence[Published]) -> list[Version]:
    progress = await making.progress(conn)
    made = _summed(progress) if progress else None
    return [Version(p, made if p.status == "building" else None) for p in found]


def _summed(progress: Sequence[Progress]) -> Made:
    done, total = sum(p.facts_done for p in progress), sum(p.facts_total for p in progress)
    return Made(min(done, total), total, progress[0].started_at)
