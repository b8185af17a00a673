"""Reading what was not accepted, and what was done about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import Database
from services.ingest.domain.edits import UnknownEntry
from services.ingest.domain.entries import Edit, Entry, EntryFilter
from services.ingest.store import edits, quarantine
from services.ingest.store.edits import Place

__all__ = ["Place", "Quarantine"]


@dataclass(frozen=True)
class Quarantine:
    """The events that were quarantined or in conflict, the closed ones too."""

    database: Database

    async def page(self, wanted: EntryFilter, before: str | None, limit: int) -> tuple[list[Entry], str | None]:
        """At most ``limit`` entries without their events, newest first, and the next page's cursor (None: the last)."""
        async with self.database.transaction(readonly=True) as conn:
            found = await quarantine.newest(conn, wanted, before, limit + 1)
        return found[:limit], found[limit - 1].quarantine_id if len(found) > limit else None

    async def one(self, quarantine_id: str, visible_source: str | None) -> tuple[Entry, Sequence[Edit]]:
        """An entry and its history; ``visible_source``: the caller sees this source only. Raises UnknownEntry."""
        async with self.database.transaction("repeatable_read", readonly=True) as conn:
            found = await quarantine.found(conn, [quarantine_id], visible_source)
            if quarantine_id not in found:
                raise UnknownEntry("no such entry")
            return found[quarantine_id], await edits.history(conn, quarantine_id)

    async def edits(
        self, actor: str | None, quarantine_id: str | None, before: Place | None, limit: int
    ) -> tuple[list[Edit], Place | None]:
        """At most ``limit`` lines of the history of all entries, newest first, and the place of the next page."""
        async with self.database.transaction(readonly=True) as conn:
            found = await edits.newest(conn, actor, quarantine_id, before, limit + 1)
        last = found[limit - 1] if len(found) > limit else None
        return found[:limit], (last.at, last.quarantine_id, last.revision) if last else None
