"""How far each target is reached: the KPI's own value over the target's window."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from chassis.db import Connection
from services.kpi.domain.definitions import Definition, Direction
from services.kpi.domain.periods import split
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.values import Value, attainment
from services.kpi.handlers.in_force import in_force
from services.kpi.handlers.questions import value
from services.kpi.store import directory, values
from services.kpi.store.directory import TargetVersion

OTHER_CURRENCY = "the target is in another currency than what is counted"
NO_MONEY = "the target is money, and what is counted is not"


@dataclass(frozen=True, slots=True)
class Attained:
    """A target, the KPI's value (None where there is no such KPI), and the part reached, where there is a value."""

    target: TargetVersion
    direction: Direction
    value: Value | None = None
    part: Value | None = None

    @property
    def met(self) -> bool:
        """Whether the value is as good as the target, or better."""
        actual = self.value.exact if self.value else None
        if actual is None:
            return False
        wanted = Fraction(self.target.value)
        return actual >= wanted if self.direction == "up" else actual <= wanted


async def read_attainment(
    conn: Connection,
    sight: Sight,
    subject: str | None,
    since: dt.date | None,
    until: dt.date | None,
    as_of: dt.date,
    after: str,
    limit: int,
    reporting_currency: str,
) -> Sequence[Attained]:
    """The attainment of targets that the caller may see, in order of their ids.

    Money is counted in the reporting currency: a target in another one is measured by nothing. So is one of a subject
    that nobody knows, which is no subject that has sold nothing.
    """
    known = await in_force(conn)
    found = await directory.targets(conn, sight, subject, since, until, after, limit)
    groups: dict[tuple[str, str], list[TargetVersion]] = {}
    for target in found:
        groups.setdefault((target.kpi, target.subject_kind), []).append(target)
    attained = {t.target_id: Attained(t, "up") for t in found}
    for (kpi, kind), some in groups.items():
        if kpi in known.on(as_of).published:
            subjects = {t.subject for t in some}
            there = set(await values.subjects(conn, kind, ALL, list(subjects), "", len(subjects)))
            pairs = [(t.subject, split(t.valid_from, t.valid_to, None)[0]) for t in some]
            answers = await value(conn, known, kpi, kind, pairs, as_of, sight)
            for t, answer in zip(some, answers, strict=True):
                definition = known.of(answer.window).published[kpi].definition
                counted = answer.value if t.subject in there else Value(None, None, null_reason=f"no such {kind}")
                attained[t.target_id] = measured(definition, t, counted, reporting_currency)
    return [attained[t.target_id] for t in found]


def measured(definition: Definition, target: TargetVersion, counted: Value, reporting_currency: str) -> Attained:
    """What is counted, measured by a target; nothing, with a reason, where one of the two is money and the other is
    not, or is in another currency. A target of money that names no currency is in the reporting one."""
    value = counted
    if definition.unit != "money" and target.currency is not None:
        value = Value(None, None, null_reason=NO_MONEY)
    elif target.currency not in (None, reporting_currency):
        value = Value(None, None, null_reason=OTHER_CURRENCY)
    part = None if value.exact is None else attainment(value, target.value)
    return Attained(target, definition.direction, value, part)
