"""Reading measures over windows, from slices or from facts, within what the caller may see; and announced values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from chassis.db import Connection, columns
from services.kpi.domain.definitions import Measure
from services.kpi.domain.sight import ALL, Sight
from services.kpi.domain.sql import Params, matches, number

BELOW = "m.kind in ('manager', 'rep')"
"""The spans of a caller's tree: those of whom they manage, and their own (whether anyone reports to them or not)."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A subject over ``[start, end)``: what is asked of a measure."""

    subject: str
    start: dt.date
    end: dt.date


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


async def read_measure(
    conn: Connection, measure: Measure, kind: str, cells: Sequence[Cell], sight: Sight = ALL
) -> list[tuple[Decimal, int]]:
    """Per cell the number and how many facts (or distinct rows) stand behind it; 0 and 0 where there are none.

    Slices answer for additive measures; what does not add up, and what is cut to a manager's tree, comes from facts.
    """
    if not cells:
        return []
    params = Params(columns([(c.subject, c.start, c.end) for c in cells], 3))
    cell = "unnest($1::text[], $2::date[], $3::date[]) with ordinality as c(subject, since, until, n)"
    if measure.additive and sight.tree is None:
        source = (
            f"{cell} join slice s on s.measure_id = {params.add(measure.id, 'text')} and"
            f" s.kind = {params.add(kind, 'text')} and s.subject = c.subject and s.day >= c.since and s.day < c.until"
        )
        query = f"select c.n, sum(s.value) as value, sum(s.facts)::bigint as facts from {source} group by 1"
    else:
        source = _facts_of_cells(cell, kind, params) + _seen_by(sight, params)
        where = f"f.day >= c.since and f.day < c.until and {matches(measure, params)}"
        query = (
            f"select c.n, {number(measure, params)} as value, count(*) as facts from {source} where {where} group by 1"
        )
    rows = {r["n"]: (Decimal(r["value"]), r["facts"]) for r in await conn.fetch(query, *params)}
    return [rows.get(n, (Decimal(0), 0)) for n in range(1, len(cells) + 1)]


def _facts_of_cells(cell: str, kind: str, params: Params) -> str:
    if kind == "company":
        return f"{cell} join order_fact f on c.subject = 'company'"
    if kind == "territory":
        return f"{cell} join order_fact f on f.territory = c.subject"
    return (
        f"{cell} join span s on s.kind = {params.add(kind, 'text')} and s.subject = c.subject join order_fact f"
        " on f.rep_id = s.person_id and f.order_day >= s.valid_from and f.order_day < s.valid_to"
    )


def _seen_by(sight: Sight, params: Params) -> str:
    """Only facts of the caller, or dated while their rep was in the caller's tree."""
    if sight.own is not None:
        return f" and f.rep_id = {params.add(sight.own, 'text')}"
    if sight.tree is not None:
        return (
            f" and exists (select from span m where {BELOW} and m.subject = {params.add(sight.tree, 'text')}"
            " and m.person_id = f.rep_id and f.order_day >= m.valid_from and f.order_day < m.valid_to)"
        )
    return ""


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


_TERRITORIES = """
with recursive t as (
  (select territory from order_fact where territory is not null order by territory limit 1)
  union all
  select (select f.territory from order_fact f where f.territory > t.territory order by f.territory limit 1)
  from t where t.territory is not null
) select territory as subject from t where territory is not null"""


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


@dataclass(frozen=True, slots=True)
class Mark:
    """Facts of a subject and day changed; ``reason`` is a rank in domain.facts.REASONS."""

    kind: str
    subject: str
    day: dt.date
    reason: int


async def take_marks(conn: Connection, limit: int) -> tuple[list[Mark], set[str]]:
    """Take the oldest marks away (one taker at a time; another gets none), and the traceparents of what caused them.
    The same place is told once."""
    if not await conn.fetchval("select pg_try_advisory_xact_lock(hashtext('kpi.announce'))"):
        return [], set()
    rows = await conn.fetch(
        "with taken as (delete from changed where id in (select id from changed order by id limit $1)"
        " returning kind, subject, day, reason, traceparent)"
        " select kind, subject, day, max(reason) as reason, array_agg(distinct traceparent) as causes"
        " from taken group by 1, 2, 3 order by 1, 2, 3",
        limit,
    )
    marks = [Mark(r["kind"], r["subject"], r["day"], r["reason"]) for r in rows]
    return marks, {cause for r in rows for cause in r["causes"]}


async def as_of(conn: Connection) -> dt.datetime | None:
    """When the newest record that counts was appended to the log."""
    found: dt.datetime | None = await conn.fetchval("select max(read_until) from position")
    return found
