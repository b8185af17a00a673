"""Publishing a definition: checked against every day that it will hold on, versioned, and queued until it is made."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.db import Connection
from chassis.settings import SettingsInvalid
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import BadDefinition, Definition, Published
from services.kpi.domain.errors import InUse, VersionSettled
from services.kpi.domain.faults import faults, parse
from services.kpi.domain.meaning import InForce, custom_of
from services.kpi.domain.timeline import Timeline
from services.kpi.handlers import backfill, versions
from services.kpi.handlers.in_force import folded
from services.kpi.handlers.in_force import in_force as in_force
from services.kpi.store import definitions, directory, histories, keys, making

DEFINITIONS_MAX = 500
CONDITIONS_MAX = 5_000
"""Of all definitions over a kind of fact together: one statement folds a batch for all of them."""


async def publish(
    conn: Connection,
    key: str,
    body: Mapping[str, Any],
    now: dt.datetime,
    by: str,
    valid_from: dt.date | None = None,
    request_id: str | None = None,
) -> Published:
    """Publish a definition as the next version of its key, to hold from a local day on (None: for all time).

    If little has to be made for it, it holds when this returns; else handlers.backfill switches to it when all is made.
    Publications take their turn; each is checked against what holds after those before it. The same content again
    changes nothing. Raises BadDefinition with a pointer per fault.
    """
    await making.lock(conn)
    published = await queue(conn, key, body, now, by, valid_from, request_id)
    await backfill.settle(conn, now)
    return (await versions.one(conn, key, published.version)).published


async def queue(
    conn: Connection,
    key: str,
    body: Mapping[str, Any],
    now: dt.datetime,
    by: str,
    valid_from: dt.date | None = None,
    request_id: str | None = None,
) -> Published:
    """Add a definition to the queue of publications, for handlers.backfill to make and to switch to. Needs making.lock.

    Returns the version that says the same on all those days already, where one does. Raises BadDefinition.
    """
    coming = (await in_force(conn)).coming
    definition = checked(key, body, coming, valid_from)
    custom = custom_of(definition, coming.on(dt.date.max).catalogue.having(definition))
    numbers = await definitions.versions(conn, key, limit=1)
    number, ticket = numbers[0].version + 1 if numbers else 1, await definitions.next_ticket(conn)
    published = Published(definition, number, now, by, custom, valid_from, "waiting", ticket)
    if (same := _said_already(coming, published)) is not None:
        return same
    await definitions.publish(conn, published, request_id)
    return published


def _said_already(coming: Timeline, published: Published) -> Published | None:
    """The version that says the same on every day from then on, if one does."""
    key = published.definition.key
    holding = [
        part.known.published.get(key) for part in coming.parts if part.until is None or part.until > published.since
    ]
    if all(v is not None and v.says(published) for v in holding):
        return holding[-1]
    return None


def checked(key: str, body: Mapping[str, Any], coming: Timeline, valid_from: dt.date | None = None) -> Definition:
    """A definition that can work in the place of its key on every day from ``valid_from`` on (None: on all days).

    Raises BadDefinition with a pointer per fault.
    """
    since = valid_from or dt.date.min
    parts = [p.known for p in coming.parts if p.until is None or p.until > since]
    definition = [parse({"key": key, **body}, known.catalogue) for known in parts][-1]
    found = _conditions_faults(definition, parts)
    if definition.key != key:
        found.append(Fault("/key", "key", f"the key in the address is {key!r}"))
    if key not in parts[-1].published:
        if len(parts[-1].published) >= DEFINITIONS_MAX:
            found.append(Fault("", "too-many", f"{DEFINITIONS_MAX} definitions are published already"))
        if valid_from is not None:
            found.append(Fault("/valid_from", "first-version", "the first version of a KPI holds for all time"))
    if found:
        raise BadDefinition(found)
    return definition


def _conditions_faults(definition: Definition, parts: Sequence[InForce]) -> list[Fault]:
    for known in parts:
        beside = known.catalogue.having(definition).definitions.values()
        if (count := sum(d.conditions for d in beside if d.over == definition.over)) > CONDITIONS_MAX:
            what = (
                f"all KPIs over {definition.over} together would have {count} conditions, of {CONDITIONS_MAX} at most"
            )
            return [Fault("/where", "too-large", what)]
    return []


async def withdraw(conn: Connection, key: str, number: int) -> Published:
    """Withdraw a version that waits, or is being made: then what was made is forgotten, and begun anew for the others.

    Raises VersionNotFound; VersionSettled for one that waits no more; InUse where another one that waits needs it.
    """
    await making.lock(conn)
    published = (await versions.one(conn, key, number)).published
    known = await in_force(conn)
    if published not in known.queue:
        raise VersionSettled(f"version {number} of {key} does not wait: it is {published.status}")
    _insist_on_others(known.without(published))
    await directory.lock_exclusive(conn)
    if published.status == "building":
        await definitions.build_no_more(conn)
        await making.end(conn)
    await definitions.withdraw(conn, published)
    return (await versions.one(conn, key, number)).published


def _insist_on_others(known: Timeline) -> None:
    """Each of the others that wait must still fit in when its turn comes. Raises InUse."""
    for waiting in known.queue:
        known = known.having(waiting)
        for catalogue in (part.known.catalogue for part in known.parts):
            for definition in catalogue.definitions.values():
                for fault in faults(definition, catalogue):
                    key = waiting.definition.key
                    raise InUse(f"the version of {key} that waits needs it: {definition.key}: {fault.detail}")


async def publish_shipped(conn: Connection, shipped: Sequence[Mapping[str, Any]], now: dt.datetime) -> None:
    """Publish what comes with Merit, where no version of that key is published yet; a company's own word stays."""
    await making.lock(conn)
    known = (await in_force(conn)).coming.on(dt.date.max).published
    for body in shipped:
        if body["key"] not in known:
            await queue(conn, str(body["key"]), body, now, "merit")
    await backfill.settle(conn, now)


async def begin(conn: Connection, fiscal_month: int | None, currency: str) -> int:
    """Take what the installation is told at a start: its reporting currency, and the month that its fiscal year begins
    with (None: as it was told last, at first January). Returns that month.

    Raises SettingsInvalid for another currency than the one that amounts are kept in already.
    """
    known, before = await definitions.installation(conn)
    if before != currency and await histories.any_known(conn):
        raise SettingsInvalid(f"CURRENCY: amounts are kept in {before} here, and cannot be made {currency} any more")
    await definitions.set_currency(conn, currency)
    await begin_fiscal_year(conn, fiscal_month or known)
    return fiscal_month or known


async def begin_fiscal_year(conn: Connection, month: int) -> None:
    """Let the fiscal year begin with this month (1 to 12); what is kept by fiscal periods is counted anew."""
    fiscal_month, _ = await definitions.installation(conn)
    if fiscal_month == month:
        return
    await making.lock(conn)
    await directory.lock_exclusive(conn)
    await definitions.set_fiscal_month(conn, month)
    after = await in_force(conn)
    await keys.lock(conn)
    for kept in (await folded(conn, after)).keys.values():
        await keys.count_anew(conn, kept, after.shift)
