"""Publishing a definition: checked, versioned, and what it needs made from all facts before anyone can read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.db import Connection
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import BadDefinition, Definition, Published
from services.kpi.domain.facts import REASONS
from services.kpi.domain.faults import dependants, parse
from services.kpi.domain.meaning import InForce, custom_of, kept_for
from services.kpi.handlers.in_force import in_force as in_force
from services.kpi.store import definitions, directory, keys, slices, slots

DEFINITIONS_MAX = 500
_RECOMPUTE = REASONS.index("recompute")


async def publish(conn: Connection, key: str, body: Mapping[str, Any], now: dt.datetime, by: str) -> Published:
    """Put a definition in force as the next version of its key; the same content again changes nothing.

    Raises BadDefinition with a pointer per fault.
    """
    await directory.lock_exclusive(conn)
    before = await in_force(conn)
    definition = checked(key, body, before)
    custom = custom_of(definition, before.catalogue.having(definition))
    known = before.published.get(key)
    if known is not None and (known.definition, known.custom) == (definition, custom):
        return known
    published = Published(definition, known.version + 1 if known else 1, now, by, custom)
    await definitions.publish(conn, published)
    after = before.having(published)
    await _keep(conn, before, after)
    await _mark(conn, before, after, key)
    return published


def checked(key: str, body: Mapping[str, Any], before: InForce) -> Definition:
    """A definition that can work in the place of its key. Raises BadDefinition with a pointer per fault."""
    definition = parse({"key": key, **body}, before.catalogue)
    faults = []
    if definition.key != key:
        faults.append(Fault("/key", "key", f"the key in the address is {key!r}"))
    if key not in before.published and len(before.published) >= DEFINITIONS_MAX:
        faults.append(Fault("", "too-many", f"{DEFINITIONS_MAX} definitions are published already"))
    if faults:
        raise BadDefinition(faults)
    return definition


async def _keep(conn: Connection, before: InForce, after: InForce) -> None:
    """Make the slices and key sets that are new, and forget those that no definition needs any more."""
    slot = await slots.take(conn)
    for family, measures in after.kept.slices.items():
        if new := [m for m in measures if m.id not in before.kept.measure_ids]:
            await slices.make(conn, family, new, slot)
    await slices.keep_only(conn, after.kept.measure_ids)
    if before.kept.keys == after.kept.keys:
        return
    await keys.lock(conn)
    for set_id, kept in after.kept.keys.items():
        if set_id not in before.kept.keys:
            await keys.make(conn, kept, after.shift)
        elif kept != before.kept.keys[set_id]:
            await keys.count(conn, kept, after.shift)
    for set_id in before.kept.keys.keys() - after.kept.keys.keys():
        await keys.drop(conn, set_id)


async def _mark(conn: Connection, before: InForce, after: InForce, key: str) -> None:
    """Let every value be announced anew that the KPI, or one that stands on it, has or had."""
    changed = [key, *(d.key for d in dependants(key, after.catalogue))]
    new = kept_for(after.terms[k] for k in changed).slices
    for family in new:
        await slices.mark_days(conn, family, _RECOMPUTE)
    for family in kept_for([before.terms[key]] if key in before.terms else []).slices:
        if family not in new:
            await slices.mark_days(conn, family, _RECOMPUTE, every_kpi=True)


async def publish_shipped(conn: Connection, shipped: Sequence[Mapping[str, Any]], now: dt.datetime) -> None:
    """Publish what comes with Merit, where no version of that key is published yet; a company's own word stays."""
    known = (await in_force(conn)).published
    for body in shipped:
        if body["key"] not in known:
            await publish(conn, str(body["key"]), body, now, "merit")


async def begin(conn: Connection, fiscal_month: int, currency: str) -> None:
    """Take what the installation is told at every start: when its fiscal year begins, and its reporting currency, which
    stays for ever."""
    await definitions.set_currency(conn, currency)
    await begin_fiscal_year(conn, fiscal_month)


async def begin_fiscal_year(conn: Connection, month: int) -> None:
    """Let the fiscal year begin with this month (1 to 12); what is kept by fiscal periods is counted anew."""
    if await definitions.fiscal_month(conn) == month:
        return
    await directory.lock_exclusive(conn)
    await definitions.set_fiscal_month(conn, month)
    after = await in_force(conn)
    await keys.lock(conn)
    for kept in after.kept.keys.values():
        await keys.count(conn, kept, after.shift)
