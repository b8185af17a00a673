"""How far each target is reached: the KPI's own value over the target's window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from chassis.db import Connection
from services.kpi.domain.periods import split
from services.kpi.domain.sight import Sight
from services.kpi.domain.values import Value, attainment
from services.kpi.handlers.read_values import compute
from services.kpi.store import definitions, directory
from services.kpi.store.directory import TargetVersion


@dataclass(frozen=True, slots=True)
class Attained:
    """A target, what was reached (None while its KPI has no value), the part reached, and whether it is met."""

    target: TargetVersion
    actual: Decimal | None
    part: Value | None

    @property
    def met(self) -> bool:
        return self.actual is not None and self.actual >= self.target.value


async def read_attainment(
    conn: Connection,
    sight: Sight,
    subject: str | None,
    since: dt.date | None,
    until: dt.date | None,
    after: str,
    limit: int,
) -> Sequence[Attained]:
    """The attainment of targets that the caller may see, in order of their ids; KPIs that are money or counts."""
    catalogue = {k: p.definition for k, p in (await definitions.in_force(conn)).items()}
    found = await directory.targets(conn, sight, subject, since, until, after, limit)
    groups: dict[tuple[str, str], list[TargetVersion]] = {}
    for target in found:
        groups.setdefault((target.kpi, target.subject_kind), []).append(target)
    attained: dict[str, Attained] = {}
    for (kpi, kind), some in groups.items():
        if kpi not in catalogue or catalogue[kpi].kind != "simple":
            attained |= {t.target_id: Attained(t, None, None) for t in some}
            continue
        pairs = [(t.subject, split(t.valid_from, t.valid_to, None)[0]) for t in some]
        answers = await compute(conn, catalogue[kpi], catalogue, kind, pairs, sight)
        for target, answer in zip(some, answers, strict=True):
            actual = answer.value.numerator
            attained[target.target_id] = Attained(target, actual, attainment(actual, target.value))
    return [attained[t.target_id] for t in found]
