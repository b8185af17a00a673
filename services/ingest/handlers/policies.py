"""The catalogue of event types, and what an installation requires of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from chassis.clock import Clock
from chassis.db import Database
from contracts.json_schema import event_schema
from contracts.topics import ACCEPTED_FROM_CRM, object_key
from services.ingest.domain.faults import Fault
from services.ingest.domain.policies import NO_POLICY, Policy, policy_faults
from services.ingest.store import policies as stored

FRESH_SECONDS = 1.0
"""A policy that another process has set is in force here after this long; one that is set here, at once."""


class UnknownEventType(Exception):
    """No event type of this name is taken here."""


class PolicyNotValid(Exception):
    """A pointer of the policy leads nowhere. ``faults`` say which."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the policy is not valid")
        self.faults = faults


class PolicyChanged(Exception):
    """The policy is another one by now than the caller has read."""


@dataclass(frozen=True)
class EventType:
    """An entry of the catalogue: where its events go, by which key, and what is required beyond the schema."""

    type: str
    topic: str
    key: str
    policy: Policy

    @property
    def etag(self) -> str:
        """Changes with the policy."""
        return f'"{self.policy.version}"'

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the whole event."""
        return event_schema(self.type)


@dataclass
class Policies:
    """The policies in force, asked of the database at most once per FRESH_SECONDS."""

    database: Database
    clock: Clock
    _known: dict[str, Policy] = field(default_factory=dict)
    _asked_at: float = float("-inf")

    async def current(self) -> dict[str, Policy]:
        """The policy of each type that has one. Raises DatabaseUnavailable."""
        now = self.clock.monotonic()
        if now - self._asked_at >= FRESH_SECONDS:
            async with self.database.transaction(readonly=True) as conn:
                self._known = await stored.in_force(conn)
            self._asked_at = now
        return self._known

    async def catalogue(self) -> list[EventType]:
        """Every event type that is taken, in the order of the registry."""
        known = await self.current()
        return [
            EventType(name, topic.name, f"/data/{object_key(name)}", known.get(name, NO_POLICY))
            for name, topic in ACCEPTED_FROM_CRM.items()
        ]

    async def one(self, event_type: str) -> EventType:
        """One event type. Raises UnknownEventType."""
        found = next((entry for entry in await self.catalogue() if entry.type == event_type), None)
        if found is None:
            raise UnknownEventType(f"no event type {event_type!r} is taken here")
        return found

    async def require(
        self, event_type: str, pointers: list[str], decided_by: str, if_match: str | None = None
    ) -> EventType:
        """Set what must be filled in from now on; with ``if_match``, only if the entry still has this ETag.

        Raises UnknownEventType, PolicyNotValid and PolicyChanged.
        """
        entry = await self.one(event_type)
        if faults := policy_faults(pointers, entry.schema):
            raise PolicyNotValid(faults)
        async with self.database.transaction() as conn:
            await stored.lock(conn)
            now_in_force = (await stored.in_force(conn)).get(event_type, NO_POLICY)
            if if_match not in (None, "*", replace(entry, policy=now_in_force).etag):
                raise PolicyChanged(f"the policy of {event_type} has changed; read it again")
            decided = Policy(now_in_force.version + 1, tuple(pointers))
            await stored.decide(conn, event_type, decided, decided_by, self.clock.now())
        self._asked_at = float("-inf")
        return replace(entry, policy=decided)
