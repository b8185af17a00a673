"""What is known of events, asked and written down for all requests under way at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.db import Database, DatabaseUnavailable
from chassis.joined import Joined
from services.ingest.domain.judged import Judged
from services.ingest.domain.outcomes import First
from services.ingest.store import quarantine, seen

EVENTS_AT_ONCE_MAX = 2_000
"""Of one statement; a single request may bring more, and then goes alone."""
EVENTS_WAITING_MAX = 50_000
"""Beyond it a database that does not keep up is told of at once."""

_LIMITS = (
    EVENTS_AT_ONCE_MAX,
    EVENTS_WAITING_MAX,
    lambda why: DatabaseUnavailable(f"the database cannot be asked for events: {why}"),
)
_Asked = tuple[bytes, str]
_Answer = tuple[First | None, bool]
_Kept = tuple[bytes, First]


class Identities:
    """The identities that were seen. Make one inside the event loop that uses it.

    ``look`` only reads, and ``remember`` is one statement that commits by itself. Both raise DatabaseUnavailable.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._look: Joined[_Asked, _Answer] = Joined(self._found, *_LIMITS)
        self._remember: Joined[_Kept, First] = Joined(self._kept, *_LIMITS)

    async def look(self, events: Sequence[Judged]) -> tuple[dict[bytes, First], set[str]]:
        """The first event that is known of each identity, and the sources of which something is open in quarantine."""
        asked = [(event.mark.identity, event.source) for event in events if event.mark]
        answers = await self._look(asked)
        firsts = {identity: first for (identity, _), (first, _) in zip(asked, answers, strict=True) if first}
        return firsts, {source for (_, source), (_, waits) in zip(asked, answers, strict=True) if waits}

    async def remember(self, ours: Mapping[bytes, First]) -> dict[bytes, First]:
        """Keep where these lie; returns the first of each identity as it is kept now, by whomever."""
        firsts = await self._remember(list(ours.items()))
        return dict(zip(ours, firsts, strict=True))

    async def _found(self, asked: list[_Asked]) -> list[_Answer]:
        async with self._database.connection() as conn:
            firsts = await seen.firsts(conn, {identity for identity, _ in asked})
            waiting = await quarantine.waiting(conn, {source for _, source in asked})
        return [(firsts.get(identity), source in waiting) for identity, source in asked]

    async def _kept(self, placed: list[_Kept]) -> list[First]:
        lowest: dict[bytes, First] = {}
        for identity, first in placed:  # requests that raced may be together here
            if identity not in lowest or first.offset < lowest[identity].offset:
                lowest[identity] = first
        async with self._database.connection() as conn:
            firsts = await seen.remember(conn, lowest)
        return [firsts[identity] for identity, _ in placed]
