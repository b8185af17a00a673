"""What is decided over HTTP: targets, payees' parameters and plans, each with all of its versions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from chassis.db import Connection, Row, columns
from services.incentive.domain.facts import Parameter, Target
from services.incentive.domain.sight import Sight
from services.incentive.domain.windows import Days
from services.incentive.store.directory import BELOW


@dataclass(frozen=True, slots=True)
class TargetSet:
    """A target in one version; ``value`` is an exact decimal string."""

    target_id: str
    kpi: str
    subject_kind: str
    subject: str
    window: Days
    currency: str | None
    value: str
    version: int


@dataclass(frozen=True, slots=True)
class ParameterSet:
    """A payee's dated value in one version."""

    payee_id: str
    name: str
    valid_from: dt.date
    valid_to: dt.date | None
    value: str
    version: int

    @property
    def key(self) -> tuple[str, str, dt.date]:
        return self.payee_id, self.name, self.valid_from


@dataclass(frozen=True, slots=True)
class PlanVersion:
    """A published version of a plan: its document as JSON text."""

    key: str
    version: int
    document: str
    published_at: dt.datetime
    published_by: str


async def lock(conn: Connection) -> None:
    """One decision at a time, until this transaction ends."""
    await conn.execute("select pg_advisory_xact_lock(hashtext(current_schema() || '.decisions'))")


async def targets(conn: Connection, target_ids: Sequence[str]) -> dict[str, TargetSet]:
    """These targets in their newest versions."""
    rows = await conn.fetch("select * from target where target_id = any($1::text[])", list(target_ids))
    return {row["target_id"]: _target_set(row) for row in rows}


async def target_versions(
    conn: Connection, target_ids: Sequence[str]
) -> Mapping[str, list[tuple[int, str, dt.datetime]]]:
    """Per target its versions: number, value, when it was set."""
    rows = await conn.fetch(
        "select target_id, version, value, set_at from target_version where target_id = any($1::text[]) order by 1, 2",
        list(target_ids),
    )
    found: dict[str, list[tuple[int, str, dt.datetime]]] = {}
    for row in rows:
        found.setdefault(row["target_id"], []).append((row["version"], row["value"], row["set_at"]))
    return found


async def save_targets(conn: Connection, changed: Sequence[TargetSet], now: dt.datetime, by: str) -> None:
    """Add these versions, and make them the ones that count."""
    await conn.executemany(
        "insert into target (target_id, kpi, subject_kind, subject, valid_from, valid_to, currency, value, version)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (target_id) do update"
        " set currency = excluded.currency, value = excluded.value, version = excluded.version",
        [
            (
                t.target_id,
                t.kpi,
                t.subject_kind,
                t.subject,
                t.window.since,
                t.window.until,
                t.currency,
                t.value,
                t.version,
            )
            for t in changed
        ],
    )
    await conn.executemany(
        "insert into target_version (target_id, version, value, currency, set_at, set_by)"
        " values ($1, $2, $3, $4, $5, $6)",
        [(t.target_id, t.version, t.value, t.currency, now, by) for t in changed],
    )


async def list_targets(
    conn: Connection, sight: Sight, filters: Mapping[str, str | dt.date | None], after: str, limit: int
) -> list[TargetSet]:
    """Targets in sight in order of their ids: one's own, and with the tree those of who is below within the window.
    Those whose windows lie within ``[since, to)``, where that is said."""
    rows = await conn.fetch(
        BELOW + "select t.* from target t where target_id > $3"
        " and ($4::text is null or kpi = $4) and ($5::text is null or subject_kind = $5)"
        " and ($6::text is null or subject = $6)"
        " and ($7::date is null or valid_from >= $7) and ($8::date is null or valid_to <= $8)"
        " and ($1::text is null or (subject_kind in ('rep', 'manager') and (subject = $1 or exists"
        " (select from below b where b.person_id = t.subject and b.since < t.valid_to and t.valid_from < b.until))))"
        " order by target_id limit $9",
        sight.person,
        sight.tree,
        after,
        *(filters.get(name) for name in ("kpi", "subject_kind", "subject", "since", "to")),
        limit,
    )
    return [_target_set(row) for row in rows]


async def targets_of(conn: Connection, payee_id: str) -> tuple[Target, ...]:
    """The targets that a payee's pay can hang on: those of the rep, in their newest versions."""
    rows = await conn.fetch(
        "select * from target where subject_kind = 'rep' and subject = $1 order by target_id", payee_id
    )
    return tuple(
        Target(t.target_id, t.kpi, t.window, t.currency, Fraction(t.value), t.version) for t in map(_target_set, rows)
    )


async def parameters(
    conn: Connection, keys: Iterable[tuple[str, str, dt.date]]
) -> dict[tuple[str, str, dt.date], ParameterSet]:
    """These dated values in their newest versions."""
    rows = await conn.fetch(
        "select p.* from payee_parameter p join unnest($1::text[], $2::text[], $3::date[])"
        " as k(payee_id, name, valid_from) using (payee_id, name, valid_from)",
        *columns(list(keys), 3),
    )
    return {found.key: found for found in map(_parameter_set, rows)}


async def save_parameters(conn: Connection, changed: Sequence[ParameterSet], now: dt.datetime, by: str) -> None:
    """Add these versions, and make them the ones that count."""
    rows = [(p.payee_id, p.name, p.valid_from, p.valid_to, p.value, p.version) for p in changed]
    await conn.executemany(
        "insert into payee_parameter (payee_id, name, valid_from, valid_to, value, version)"
        " values ($1, $2, $3, $4, $5, $6) on conflict (payee_id, name, valid_from) do update"
        " set valid_to = excluded.valid_to, value = excluded.value, version = excluded.version",
        rows,
    )
    await conn.executemany(
        "insert into payee_parameter_version"
        " (payee_id, name, valid_from, valid_to, value, version, set_at, set_by)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8)",
        [(*row, now, by) for row in rows],
    )


async def list_parameters(
    conn: Connection,
    sight: Sight,
    payee_id: str | None,
    name: str | None,
    after: tuple[str, str, dt.date] | None,
    limit: int,
) -> list[ParameterSet]:
    """Dated values in sight: one's own, and with the tree those of who is below while they hold."""
    last = after or ("", "", dt.date.min)
    rows = await conn.fetch(
        BELOW + "select p.* from payee_parameter p where (payee_id, name, valid_from) > ($3, $4, $5)"
        " and ($6::text is null or payee_id = $6) and ($7::text is null or name = $7)"
        " and ($1::text is null or payee_id = $1 or exists (select from below b where b.person_id = p.payee_id"
        " and (p.valid_to is null or b.since < p.valid_to) and p.valid_from < b.until))"
        " order by payee_id, name, valid_from limit $8",
        sight.person,
        sight.tree,
        *last,
        payee_id,
        name,
        limit,
    )
    return [_parameter_set(row) for row in rows]


async def parameters_of(conn: Connection, payee_id: str) -> tuple[Parameter, ...]:
    """All dated values of a payee."""
    rows = await conn.fetch("select * from payee_parameter where payee_id = $1 order by name, valid_from", payee_id)
    return tuple(
        Parameter(p.name, Fraction(p.value), p.valid_from, p.valid_to, p.version) for p in map(_parameter_set, rows)
    )


async def plan_versions(conn: Connection, key: str | None = None) -> list[PlanVersion]:
    """Every version of one plan, or of all, in order of key and version."""
    rows = await conn.fetch(
        "select key, version, document, published_at, published_by from plan_version"
        " where $1::text is null or key = $1 order by key, version",
        key,
    )
    return [PlanVersion(*row.values()) for row in rows]


async def publish_plan(conn: Connection, plan: PlanVersion) -> None:
    """Add a version."""
    await conn.execute(
        "insert into plan_version (key, version, document, published_at, published_by) values ($1, $2, $3, $4, $5)",
        plan.key,
        plan.version,
        plan.document,
        plan.published_at,
        plan.published_by,
    )


def _target_set(row: Row) -> TargetSet:
    return TargetSet(
        row["target_id"],
        row["kpi"],
        row["subject_kind"],
        row["subject"],
        Days(row["valid_from"], row["valid_to"]),
        row["currency"],
        row["value"],
        row["version"],
    )


def _parameter_set(row: Row) -> ParameterSet:
    return ParameterSet(row["payee_id"], row["name"], row["valid_from"], row["valid_to"], row["value"], row["version"])
