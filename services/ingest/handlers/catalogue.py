"""The catalogue of event types: what each is, what is required of it here, and what it may carry besides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts import golden
from contracts.json_schema import event_schema
from contracts.topics import ACCEPTED_FROM_CRM, object_key
from services.ingest.domain.custom_fields import CustomField
from services.ingest.domain.policies import NO_POLICY, Policy
from services.ingest.handlers.custom_fields import CustomFields
from services.ingest.handlers.policies import Policies, UnknownEventType


@dataclass(frozen=True)
class EventType:
    """An entry of the catalogue: where its events go, by which key, and what this installation asks of them."""

    type: str
    topic: str
    key: str
    policy: Policy
    custom_fields: Sequence[CustomField]

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the whole event."""
        return event_schema(self.type)

    @property
    def example(self) -> dict[str, Any]:
        """A sound event of this type, as far as its schema and its meaning go."""
        return golden.example(self.type)


@dataclass(frozen=True)
class Catalogue:
    """Every event type that is taken."""

    policies: Policies
    custom_fields: CustomFields

    async def all(self) -> list[EventType]:
        """The entries in the order of the registry. Raises DatabaseUnavailable."""
        policies, fields = await self.policies.current(), await self.custom_fields.by_type()
        return [
            EventType(
                name, topic.name, f"/data/{object_key(name)}", policies.get(name, NO_POLICY), fields.get(name, ())
            )
            for name, topic in ACCEPTED_FROM_CRM.items()
        ]

    async def one(self, event_type: str) -> EventType:
        """One entry. Raises UnknownEventType."""
        found = next((entry for entry in await self.all() if entry.type == event_type), None)
        if found is None:
            raise UnknownEventType(f"no event type {event_type!r} is taken here")
        return found
