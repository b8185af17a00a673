"""Reading what was not accepted."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.db import Database
from services.ingest.domain.entries import Entry, EntryFilter
from services.ingest.store import quarantine


class UnknownEntry(Exception):
    """No entry of this id is there, or none that the caller may see."""


@dataclass(frozen=True)
class Quarantine:
    """The events that were quarantined or in conflict, the resolved ones too."""

    database: Database

    async def page(self, wanted: EntryFilter, limit: int) -> tuple[list[Entry], str | None]:
        """At most ``limit`` entries, newest first, and the cursor of the next page (none: this is the last)."""
        async with self.database.transaction(readonly=True) as conn:
            found = await quarantine.entries(conn, wanted, limit + 1)
        return found[:limit], found[limit - 1].quarantine_id if len(found) > limit else None

    async def one(self, quarantine_id: str, visible_source: str | None) -> Entry:
        """One entry; ``visible_source``: the caller sees this source only. Raises UnknownEntry."""
        async with self.database.transaction(readonly=True) as conn:
            found = await quarantine.entry(conn, quarantine_id, visible_source)
        if found is None:
            raise UnknownEntry("no such entry")
        return found
