"""Kept key sets: which values of a field a subject had on which day, and the counts that follow from it, as SQL.

Different values do not add up over days: a customer of today may have been one yesterday. But each value *enters* a
period on one day, that of its first fact in it (or of the n-th, where n are needed), and these entries do add up: the
customers of a month so far are those that entered it on its days so far. So for each day ``key_slice`` keeps how many
keys entered that day, the week, the month, the quarter, the year and the fiscal ones on it, and ``key_day`` keeps the
days themselves. A key's first day ever, whoever's, is kept the same way, as ``at_least`` 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.kpi.domain.measures import KeySet
from services.kpi.domain.periods import AnyGrain
from services.kpi.domain.sql import Params, column, day_of, matches, subjects_of

NEAR_DAYS = 371
"""How far from a day the periods that it lies in can reach: no further than a year and a week."""
ENTERED: dict[AnyGrain, str] = {
    "day": "days",
    "week": "weeks",
    "month": "months",
    "quarter": "quarters",
    "year": "years",
    "fiscal_quarter": "fiscal_quarters",
    "fiscal_year": "fiscal_years",
}
"""The column of ``key_slice`` that counts the keys which entered a period of the grain on its day."""
_SUMS = tuple(ENTERED.values())
_COLUMNS = ", ".join(("at_least", "kind", "subject", "day", "facts", *_SUMS))
_MERGED = ", ".join(f"{name} = s.{name} + excluded.{name}" for name in ("facts", *_SUMS))


def given(key_set: KeySet, params: Params, source: str | None = None, sign: str = "1") -> str:
    """Per subject, key and day how many facts have it, of the facts ``f`` in ``source``: ``kind, subject, key, day,
    facts``. ``sign``: an expression that is 1 for a fact that came, and -1 for one that went."""
    measure, family = key_set.distinct, key_set.distinct.family
    key = f"({column(measure.fields, measure.aggregate.field or '', params)})::text"
    day = day_of(family, family.time, params)
    entries = (
        f"select s.kind, s.subject, {key} as key, {day} as day, {sign} as sign"
        f" from {source or f'{family.kind.table} f'}"
        f" cross join {subjects_of(family, params)}"
        f" where {day} is not null and {key} is not null and {matches(measure, params)}"
        " group by 1, 2, 3, 4, 5, f.object_id, f.entry"
    )
    return f"select kind, subject, key, day, sum(sign)::int as facts from ({entries}) e group by 1, 2, 3, 4"


def applied(key_set: KeySet, thresholds: Sequence[int], shift: int, delta: str, params: Params) -> str:
    """Takes ``delta`` (as ``given``, signed) into what is kept. ``thresholds``: for how many facts a key is counted, 0
    for its first ever. ``shift``: the months by which the fiscal year begins later than the calendar's.

    The caller alone changes the set: it holds its lock.
    """
    mine = params.add(key_set.id, "text")
    return f"""delta as materialized (
  select kind, subject, key, day, sum(facts)::int as facts from ({delta}) d group by 1, 2, 3, 4 having sum(facts) <> 0
), near as (
  select key, min(day) - {NEAR_DAYS} as since, max(day) + {NEAR_DAYS} as until from delta group by key
), old as materialized (
  select k.kind, k.subject, k.key, k.day, k.facts from near n
  join key_day k on k.set_id = {mine} and k.key = n.key and k.day between n.since and n.until
), new as materialized (
  select kind, subject, key, day, sum(facts)::int as facts from (select * from old union all select * from delta) a
  group by 1, 2, 3, 4 having sum(facts) <> 0
), place as materialized (
  select row_number() over () as id, kind, subject, key from (select distinct kind, subject, key from delta) p
), state as (
  select p.id, o.day, o.facts, -1 as sign from place p join old o using (kind, subject, key)
  union all select p.id, n.day, n.facts, 1 from place p join new n using (kind, subject, key)
), gone as (
  delete from key_day k using old o join delta d using (kind, subject, key, day)
  where k.set_id = {mine} and (k.key, k.day, k.kind, k.subject) = (d.key, d.day, d.kind, d.subject)
  and o.facts + d.facts = 0
), came as (
  insert into key_day as k (set_id, key, day, kind, subject, facts)
  select {mine}, key, day, kind, subject, d.facts from delta d left join old o using (kind, subject, key, day)
  where coalesce(o.facts, 0) + d.facts <> 0
  on conflict (set_id, key, day, kind, subject) do update set facts = k.facts + excluded.facts
), {_firsts(mine)}
insert into key_slice as s (set_id, {_COLUMNS})
{_counts(mine, thresholds, shift, params)}
on conflict (set_id, at_least, kind, subject, day) do update set {_MERGED}"""


def filled(key_set: KeySet, thresholds: Sequence[int], shift: int, params: Params) -> str:
    """Makes the counts for these thresholds from all the set's days; those that are kept must be deleted before."""
    return f"insert into key_slice (set_id, {_COLUMNS}) {recounted(key_set, thresholds, shift, params)}"


def recounted(key_set: KeySet, thresholds: Sequence[int], shift: int, params: Params) -> str:
    """The rows that ``key_slice`` should have, after all the set's days."""
    mine = params.add(key_set.id, "text")
    return f"""with place as materialized (
  select row_number() over () as id, kind, subject, key from (
    select distinct kind, subject, key from key_day where set_id = {mine}) p
), state as (
  select p.id, k.day, k.facts, 1 as sign from place p join key_day k using (kind, subject, key)
  where k.set_id = {mine}
), firsts as (
  select k.kind, k.subject, k.day, k.facts, 1 as sign from key_day k
  join (select key, min(day) as day from key_day where set_id = {mine} group by key) f using (key, day)
  where k.set_id = {mine}
)
{_counts(mine, thresholds, shift, params)}"""


def _firsts(mine: str) -> str:
    """Where a key's first day ever moves: what the subjects of the old first day lose, and those of the new one get."""
    return f"""moved as (
  select n.key, o.day as old_day, coalesce(i.day, a.day) as new_day, n.until from near n
  left join lateral (select k.day from key_day k where k.set_id = {mine} and k.key = n.key
    order by k.day limit 1) o on true
  left join (select key, min(day) as day from new group by key) i using (key)
  left join lateral (select k.day from key_day k where k.set_id = {mine} and k.key = n.key and k.day > n.until
    order by k.day limit 1) a on true
  where o.day is null or o.day >= n.since
), firsts as (
  select o.kind, o.subject, o.day, o.facts, -1 as sign from moved m join old o on o.key = m.key and o.day = m.old_day
  union all
  select n.kind, n.subject, n.day, n.facts, 1 from moved m join new n on n.key = m.key and n.day = m.new_day
  union all
  select k.kind, k.subject, k.day, k.facts, sign from moved m
  join key_day k on k.set_id = {mine} and k.key = m.key, lateral (values (m.old_day, -1), (m.new_day, 1)) e(day, sign)
  where k.day = e.day and k.day > m.until
)"""


def _counts(mine: str, thresholds: Sequence[int], shift: int, params: Params) -> str:
    """The rows for ``key_slice`` that follow from ``state`` and ``firsts``."""
    several = params.add([n for n in thresholds if n], "int[]")
    entered = ", ".join(
        f"sum(sign * (so_far_{grain} - facts < at_least and at_least <= so_far_{grain})::int) as {name}"
        for grain, name in ENTERED.items()
    )
    return f"""select {mine}, c.* from (
  select at_least, kind, subject, day, sum(sign * facts)::int as facts, {entered}
  from ({_counted_up(shift)}) u join place p using (id) cross join unnest({several}) as t(at_least)
  group by 1, 2, 3, 4
  union all
  select 0, kind, subject, day, sum(sign * facts)::int, {", ".join("sum(sign)" for _ in _SUMS)} from firsts
  where {params.add(0 in thresholds, "boolean")} group by 2, 3, 4
) c where (c.facts, {", ".join(f"c.{name}" for name in _SUMS)}) <> (0{", 0" * len(_SUMS)})"""


def _counted_up(shift: int) -> str:
    """Each day of each key with the facts that it had so far in each period that the day lies in."""
    month = "(extract(year from day) * 12 + extract(month from day))::int - 1"
    periods = {
        "week": "(day - date '0001-01-01') / 7",  # that day was a Monday
        "month": "month",
        "quarter": "month / 3",
        "year": "month / 12",
        "fiscal_quarter": f"(month - {shift}) / 3",
        "fiscal_year": f"(month - {shift}) / 12",
    }
    sums = ", ".join(
        f"sum(facts) over (partition by sign, id, {period} order by day) as so_far_{grain}"
        for grain, period in periods.items()
    )
    return f"select id, day, facts, sign, facts as so_far_day, {sums} from (select *, {month} as month from state) m"
