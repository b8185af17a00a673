"""Declaring the company's own fields: a version per decision, announced in the transaction that keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from chassis.clock import Clock
from chassis.db import Connection, Database
from chassis.outbox import announce
from contracts.custom_fields import FieldType
from contracts.topics import ACCEPTED_FROM_CRM
from services.ingest.domain.custom_fields import CustomField, declaration_faults
from services.ingest.domain.faults import Fault
from services.ingest.handlers.fresh import Fresh
from services.ingest.store import custom_fields as stored
from services.ingest.translate import custom_field_declared


class UnknownCustomField(Exception):
    """No field of this name was ever declared."""


class DeclarationNotValid(Exception):
    """The declaration contradicts itself, or an earlier one. ``faults`` say where."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the declaration is not valid")
        self.faults = faults


class DeclarationChanged(Exception):
    """The declaration is another one by now than the caller has read."""


class CustomFields:
    """The declarations, those that were taken back included."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self.database, self.clock = database, clock
        self._known = Fresh(database, clock, _by_type)

    async def by_type(self) -> Mapping[str, Sequence[CustomField]]:
        """The declared fields of each event type that has any. Raises DatabaseUnavailable."""
        return await self._known.get()

    async def all(self) -> list[CustomField]:
        """The newest version of each, by name."""
        async with self.database.transaction(readonly=True) as conn:
            return list((await stored.newest(conn)).values())

    async def versions(self, name: str) -> list[CustomField]:
        """Every version of one, newest first. Raises UnknownCustomField."""
        async with self.database.transaction(readonly=True) as conn:
            found = [field for field in await stored.versions(conn) if field.name == name]
        if not found:
            raise UnknownCustomField(f"no field {name!r} was declared")
        return found

    async def declare(
        self,
        name: str,
        type: FieldType,
        required: bool,
        event_types: Sequence[str],
        decided_by: str,
        if_match: str | None = None,
    ) -> None:
        """Declare a field, or say of a declared one what it is from now on; to say the same again changes nothing.

        With ``if_match``, only if the declaration still has this ETag. Raises DeclarationNotValid, DeclarationChanged.
        """
        async with self.database.transaction() as conn:
            await stored.lock(conn)
            known = await stored.newest(conn)
            if faults := declaration_faults(name, type, event_types, known, ACCEPTED_FROM_CRM):
                raise DeclarationNotValid(faults)
            before = known.get(name)
            _insist(before, if_match)
            field = CustomField(
                name=name,
                version=before.version + 1 if before else 1,
                type=type,
                required=required,
                event_types=tuple(event_types),
                active=True,
                decided_by=decided_by,
                decided_at=self.clock.now(),
            )
            if before is None or not before.says_the_same(field):
                await self._decide(conn, field)
        self._known.forget()

    async def take_back(self, name: str, decided_by: str, if_match: str | None = None) -> None:
        """Hold events to it no longer; its name keeps its type. To take it back again changes nothing.

        Raises UnknownCustomField and DeclarationChanged.
        """
        async with self.database.transaction() as conn:
            await stored.lock(conn)
            before = (await stored.newest(conn)).get(name)
            if before is None:
                raise UnknownCustomField(f"no field {name!r} was declared")
            _insist(before, if_match)
            if before.active:
                version, now = before.version + 1, self.clock.now()
                field = replace(before, version=version, active=False, decided_by=decided_by, decided_at=now)
                await self._decide(conn, field)
        self._known.forget()

    async def _decide(self, conn: Connection, field: CustomField) -> None:
        await stored.decide(conn, field)
        await announce(conn, [custom_field_declared(field)])


async def _by_type(conn: Connection) -> Mapping[str, Sequence[CustomField]]:
    found: dict[str, list[CustomField]] = defaultdict(list)
    for field in (await stored.newest(conn)).values():
        for event_type in field.event_types if field.active else ():
            found[event_type].append(field)
    return found


def _insist(before: CustomField | None, if_match: str | None) -> None:
    """Raise DeclarationChanged unless the caller knows what there is (``*``: that there is something)."""
    if if_match is None or (before and if_match in ("*", before.etag)):
        return
    raise DeclarationChanged("the declaration has changed; read it again")
