"""What an installation requires of each event type beyond its schema."""

from __future__ import annotations

from chassis.clock import Clock
from chassis.db import Database
from contracts.json_schema import event_schema
from contracts.topics import ACCEPTED_FROM_CRM
from services.ingest.domain.faults import Fault
from services.ingest.domain.policies import NO_POLICY, Policy, policy_faults
from services.ingest.handlers.fresh import Fresh
from services.ingest.store import policies as stored


class UnknownEventType(Exception):
    """No event type of this name is taken here."""


class PolicyNotValid(Exception):
    """A pointer of the policy leads nowhere. ``faults`` say which."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the policy is not valid")
        self.faults = faults


class PolicyChanged(Exception):
    """The policy is another one by now than the caller has read."""


class Policies:
    """The required-fields policies."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._known = Fresh(database, clock, stored.in_force)

    async def current(self) -> dict[str, Policy]:
        """The policy of each type that has one. Raises DatabaseUnavailable."""
        return await self._known.get()

    async def require(self, event_type: str, pointers: list[str], decided_by: str, if_match: str | None = None) -> None:
        """Set what must be filled in from now on; with ``if_match``, only if the policy still has this ETag.

        Raises UnknownEventType, PolicyNotValid and PolicyChanged.
        """
        if event_type not in ACCEPTED_FROM_CRM:
            raise UnknownEventType(f"no event type {event_type!r} is taken here")
        if faults := policy_faults(pointers, event_schema(event_type)):
            raise PolicyNotValid(faults)
        async with self.database.transaction() as conn:
            await stored.lock(conn)
            now_in_force = (await stored.in_force(conn)).get(event_type, NO_POLICY)
            if if_match not in (None, "*", now_in_force.etag):
                raise PolicyChanged(f"the policy of {event_type} has changed; read it again")
            decided = Policy(now_in_force.version + 1, tuple(pointers), decided_by, self.clock.now())
            await stored.decide(conn, event_type, decided)
        self._known.forget()
