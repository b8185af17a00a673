"""Publishing a definition: checked, versioned, and its slices made from all facts before anyone can read it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.db import Connection
from services.kpi.domain.conditions import Fault
from services.kpi.domain.definitions import BadDefinition, Definition, Measure, Published, measures, parse
from services.kpi.domain.facts import REASONS
from services.kpi.handlers.in_force import measures_in_force
from services.kpi.store import definitions, directory, facts
from services.kpi.store.definitions import in_force as in_force

DEFINITIONS_MAX = 500


async def publish(conn: Connection, key: str, body: Mapping[str, Any], now: dt.datetime, by: str) -> Published:
    """Put a definition in force as the next version of its key; the same content again changes nothing.

    Raises BadDefinition with a pointer per fault.
    """
    await directory.lock_exclusive(conn)
    known = await definitions.in_force(conn)
    catalogue = {k: p.definition for k, p in known.items()}
    definition = parse({"key": key, **body}, catalogue)
    _check_place(definition, key, catalogue)
    if key in known and known[key].definition == definition:
        return known[key]
    before = {m.id for m in await measures_in_force(conn)}
    version = known[key].version + 1 if key in known else 1
    published = Published(definition, version, now, by)
    await definitions.publish(conn, published)
    await _backfill(conn, measures(definition, catalogue | {key: definition}), before)
    kept = await measures_in_force(conn)
    await facts.mark_everything(conn, kept, REASONS.index("recompute"))
    await facts.drop_measures(conn, [m.id for m in kept if m.additive])
    return published


def _check_place(definition: Definition, key: str, catalogue: Mapping[str, Definition]) -> None:
    faults = []
    if definition.key != key:
        faults.append(Fault("/key", "key", f"the key in the address is {key!r}"))
    if key not in catalogue and len(catalogue) >= DEFINITIONS_MAX:
        faults.append(Fault("", "too-many", f"{DEFINITIONS_MAX} definitions are published already"))
    if definition.kind == "growth" and any(d.of == key for d in catalogue.values()):
        faults.append(Fault("/kind", "in-use", "another KPI is the growth of this one"))
    if faults:
        raise BadDefinition(faults)


async def _backfill(conn: Connection, parts: Sequence[Measure], kept: set[str]) -> None:
    for measure in parts:
        if measure.additive and measure.id not in kept:
            await facts.fold_everything(conn, measure)


async def publish_shipped(conn: Connection, shipped: Sequence[Mapping[str, Any]], now: dt.datetime) -> None:
    """Publish what comes with Merit, where no version of that key is published yet; a company's own word stays."""
    known = await definitions.in_force(conn)
    for body in shipped:
        if body["key"] not in known:
            await publish(conn, str(body["key"]), body, now, "merit")
