"""The subjects that a caller may see, and announced values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import astuple

from chassis.arrays import literals
from chassis.db import Connection
from services.kpi.domain.cells import BELOW
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.sight import Sight
from services.kpi.domain.sql import Params


class Candidate(Struct, frozen=True, gc=False):
    """A value as it is now. ``facts`` stand behind it: what never was told of is told only when there are some."""

    kpi: str
    subject: str
    grain: str
    period_from: dt.date
    definition_version: int
    value: str | None
    reason: str
    facts: int


Name = tuple[str, str, str, dt.date]
"""What names a value of a kind of subject: KPI, subject, grain, and the period's first day."""


async def subjects(
    conn: Connection, kind: str, sight: Sight, asked: Sequence[str] | None, after: str, limit: int
) -> list[str]:
    """The subjects of a kind that the caller may see, in order of their ids, those after ``after``.

    ``asked`` picks some of them. A subject is known when anyone's facts may count for it, or any fact names it.
    """
    params = Params()
    return [r["subject"] for r in await conn.fetch(subjects_sql(params, kind, sight, asked, after, limit), *params)]


def subjects_sql(params: Params, kind: str, sight: Sight, asked: Sequence[str] | None, after: str, limit: int) -> str:
    """The same as SQL: rows ``subject``."""
    if kind in ("company", "territory"):
        known = "select 'company' as subject" if kind == "company" else _TERRITORIES
        known = known if sight.everything else "select '' as subject where false"
    else:
        known = f'select s.subject collate "C" as subject from span s where s.kind = {params.add(kind, "text")}'
        if sight.own is not None:
            known += f" and s.kind = 'rep' and s.subject = {params.add(sight.own, 'text')}"
        if sight.tree is not None:
            me = params.add(sight.tree, "text")
            known += (
                f" and (s.kind <> 'manager' or s.subject = {me} or exists (select from span b where b.kind = 'manager'"
                f" and b.subject = {me} and b.person_id = s.subject)) and exists (select from span m where"
                f" {BELOW} and m.subject = {me} and m.person_id = s.person_id"
                " and m.valid_from < s.valid_to and s.valid_from < m.valid_to)"
            )
        known += " group by 1"
    picked = "" if asked is None else f"subject = any({params.add(asked, 'text[]')}) and "
    return (
        f'select subject from ({known}) k where {picked}subject collate "C" > {params.add(after, "text")}'
        f' order by subject collate "C" limit {params.add(limit, "int")}'
    )


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


async def tell(conn: Connection, kind: str, candidates: Sequence[Candidate], now: dt.datetime) -> dict[Name, int]:
    """Take those for told that differ from what was told last; their new versions. Needs marks.alone."""
    versions: dict[Name, int] = {}
    for query, some in (
        (_TELL, [c for c in candidates if c.facts]),
        (_TELL_AGAIN, [c for c in candidates if not c.facts]),
    ):
        if some:
            rows = await conn.fetch(query, *literals([astuple(c)[:-1] for c in some], 7), kind, now)
            versions |= {(kpi, subject, grain, since): version for kpi, subject, grain, since, version in rows}
    return versions


_GIVEN = (
    "unnest($1::text::text[], $2::text::text[], $3::text::text[], $4::text::date[], $5::text::int[],"
    " $6::text::text[], $7::text::text[]) as g(kpi, subject, grain, period_from, definition_version, value, reason)"
)
_TOLD = "returning a.kpi, a.subject, a.grain, a.period_from, a.version"
_TELL = (
    "insert into announced_value as a"
    " (kpi, kind, subject, grain, period_from, definition_version, version, value, reason, announced_at)"
    f" select kpi, $8, subject, grain, period_from, definition_version, 1, value, reason, $9 from {_GIVEN}"
    " on conflict (kpi, kind, subject, grain, period_from) do update set definition_version ="
    " excluded.definition_version, version = a.version + 1, value = excluded.value, reason = excluded.reason,"
    " announced_at = excluded.announced_at"
    " where (a.value, a.definition_version) is distinct from (excluded.value, excluded.definition_version)"
    f" {_TOLD}"
)
_TELL_AGAIN = (
    "update announced_value a set definition_version = g.definition_version, version = a.version + 1, value = g.value,"
    f" reason = g.reason, announced_at = $9 from {_GIVEN}"
    " where (a.kpi, a.kind, a.subject, a.grain, a.period_from) = (g.kpi, $8, g.subject, g.grain, g.period_from)"
    " and (a.value, a.definition_version) is distinct from (g.value, g.definition_version)"
    f" {_TOLD}"
)


async def as_of(conn: Connection) -> dt.datetime | None:
    """When the newest record that counts was appended to the log."""
    found: dt.datetime | None = await conn.fetchval("select max(read_until) from position")
    return found
