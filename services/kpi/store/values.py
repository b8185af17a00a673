"""The subjects that a caller may see, and announced values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from chassis.db import Connection, columns
from services.kpi.domain.cells import BELOW
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.sight import Sight


@dataclass(frozen=True, slots=True)
class AnnouncedVersion:
    """The newest announced version of a value, or the next one to announce."""

    kpi: str
    kind: str
    subject: str
    grain: str
    period_from: dt.date
    definition_version: int
    version: int
    value: str | None
    reason: str


async def subjects(
    conn: Connection, kind: str, sight: Sight, asked: Sequence[str] | None, after: str, limit: int
) -> list[str]:
    """The subjects of a kind that the caller may see, in order of their ids, those after ``after``.

    ``asked`` picks some of them. A subject is known when anyone's facts may count for it, or any fact names it.
    """
    if kind in ("company", "territory"):
        if not sight.everything:
            return []
        known = "select 'company' as subject" if kind == "company" else _TERRITORIES
    else:
        known = "select distinct s.subject from span s where s.kind = $4"
        if sight.own is not None:
            known += " and s.kind = 'rep' and s.subject = $5"
        if sight.tree is not None:
            known += (
                " and (s.kind <> 'manager' or s.subject = $5 or exists (select from span b where b.kind = 'manager'"
                " and b.subject = $5 and b.person_id = s.subject)) and exists (select from span m where"
                f" {BELOW} and m.subject = $5 and m.person_id = s.person_id"
                " and m.valid_from < s.valid_to and s.valid_from < m.valid_to)"
            )
    rows = await conn.fetch(
        f'select subject from ({known}) k where ($1::text[] is null or subject = any($1)) and subject collate "C" > $2'
        ' and ($4::text is not null or true) and ($5::text is null or true) order by subject collate "C" limit $3',
        asked,
        after,
        limit,
        kind,
        sight.own or sight.tree,
    )
    return [r["subject"] for r in rows]


def _territories(table: str) -> str:
    """The territories that a fact table names, found by hopping through its index."""
    return f"""(
with recursive t as (
  (select territory from {table} where territory is not null order by territory limit 1)
  union all
  select (select f.territory from {table} f where f.territory > t.territory order by f.territory limit 1)
  from t where t.territory is not null
) select territory as subject from t where territory is not null)"""


_TERRITORIES = " union ".join(_territories(kind.table) for kind in FACT_KINDS.values())


async def announced(conn: Connection, keys: Sequence[AnnouncedVersion]) -> dict[tuple[str, ...], AnnouncedVersion]:
    """The versions announced so far of these values, by (kpi, kind, subject, grain, period)."""
    rows = await conn.fetch(
        "select kpi, kind, subject, grain, period_from, definition_version, version, value, reason"
        " from announced_value join unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::date[])"
        " as k(kpi, kind, subject, grain, period_from) using (kpi, kind, subject, grain, period_from)",
        *columns([(k.kpi, k.kind, k.subject, k.grain, k.period_from) for k in keys], 5),
    )
    return {identity(v): v for r in rows if (v := AnnouncedVersion(*r.values()))}


def identity(v: AnnouncedVersion) -> tuple[str, ...]:
    """What names a value, whatever its version."""
    return v.kpi, v.kind, v.subject, v.grain, v.period_from.isoformat()


async def save_announced(conn: Connection, versions: Sequence[AnnouncedVersion], now: dt.datetime) -> None:
    """Replace the newest announced versions."""
    rows = [
        (v.kpi, v.kind, v.subject, v.grain, v.period_from, v.definition_version, v.version, v.value, v.reason)
        for v in versions
    ]
    await conn.execute(
        "insert into announced_value (kpi, kind, subject, grain, period_from, definition_version, version, value,"
        " reason, announced_at) select *, $10::timestamptz from unnest($1::text[], $2::text[], $3::text[],"
        " $4::text[], $5::date[], $6::int[], $7::int[], $8::text[], $9::text[])"
        " on conflict (kpi, kind, subject, grain, period_from) do update set definition_version ="
        " excluded.definition_version, version = excluded.version, value = excluded.value, reason = excluded.reason,"
        " announced_at = excluded.announced_at",
        *columns(rows, 9),
        now,
    )


async def as_of(conn: Connection) -> dt.datetime | None:
    """When the newest record that counts was appended to the log."""
    found: dt.datetime | None = await conn.fetchval("select max(read_until) from position")
    return found
