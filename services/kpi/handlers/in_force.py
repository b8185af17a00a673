"""The measures that definitions in force stand on."""

from __future__ import annotations

from chassis.db import Connection
from services.kpi.domain.definitions import Measure, measures
from services.kpi.store import definitions


async def measures_in_force(conn: Connection) -> list[Measure]:
    """Every measure of all definitions in force, each once."""
    known = {k: p.definition for k, p in (await definitions.in_force(conn)).items()}
    found = {m.id: m for d in known.values() for m in measures(d, known)}
    return [found[i] for i in sorted(found)]
