"""Kept key sets: the counts that follow from which values of a field a subject had on which day, as SQL.

Different values do not add up over days: a customer of today may have been one yesterday. But each value *enters* a
period on one day, that of its first fact in it (or of the n-th, where n are needed), and these entries do add up: the
customers of a month so far are those that entered it on its days so far. So for each day ``key_slice`` keeps how many
keys entered that day, the week, the month, the quarter, the year and the fiscal ones on it, and ``key_day`` keeps the
days themselves (out of ``key_days``). A key's first day ever, whoever's, is kept the same way, as ``at_least`` 0.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.kpi.domain.key_days import OF_ALL
from services.kpi.domain.measures import Counted, KeySet, Place
from services.kpi.domain.periods import AnyGrain
from services.kpi.domain.sql import Params

Places = tuple[Place | None, Place | None]
"""From one place on (None: from the first), and before another (None: to the last)."""
EVERYWHERE: Places = (None, None)
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
_MONTH = "(extract(year from day) * 12 + extract(month from day))::int - 1"
_SAME: dict[AnyGrain, AnyGrain] = {"fiscal_quarter": "quarter", "fiscal_year": "year"}
_COLUMNS = ", ".join(("at_least", "kind", "subject", "day", "facts", *_SUMS))
_MERGED = ", ".join(f"{name} = s.{name} + excluded.{name}" for name in ("facts", *_SUMS))
_ADDED = f"on conflict (set_id, at_least, kind, subject, day) do update set {_MERGED}"


def applied(key_set: KeySet, counted: Sequence[Counted], shift: int, delta: str, params: Params) -> str:
    """Takes ``delta`` (as ``given``, signed) into what is kept. ``counted``: for how many facts a key is counted, and
    where. ``shift``: the months by which the fiscal year begins later than the calendar's. It goes on from
    ``with`` and the tables that ``delta`` names.

    The caller alone changes the set: it holds its lock. Only what comes after a place's first changed day is counted
    anew, on what it had earlier in the periods of that day: mostly nothing comes after it.
    """
    mine = params.add(key_set.id, "text")
    earlier = ", ".join(
        f"coalesce(sum(before) filter (where day < first and {period(grain, shift)} ="
        f" {period(grain, shift, 'first', 'first_month')}) over (partition by id), 0) as {name}"
        for grain, name in _different(shift).items()
    )
    here = f"k.set_id = {mine} and (k.key, k.kind, k.subject, k.day) = (p.key, p.kind, p.subject, l.day)"
    return f"""delta as materialized (
  select dense_rank() over (order by key, kind, subject) as id, kind, subject, key, day, facts
  from ({delta}) d where facts <> 0
), place as materialized (
  select id, kind, subject, key, min(day) as first, max(day) as last from delta group by 1, 2, 3, 4
), days as (
  select id, day, sum(before)::int as before, sum(change)::int as change from (
    select p.id, k.day, k.facts as before, 0 as change from place p cross join lateral (
      select k.day, k.facts from key_day k where k.set_id = {mine} and k.key = p.key and k.kind = p.kind
      and k.subject = p.subject and k.day between p.first - {NEAR_DAYS} and p.last + {NEAR_DAYS}) k
    union all select id, day, 0, facts from delta) e group by id, day
), later as materialized (
  select * from (select *, {earlier} from (
    select *, min(day) filter (where change <> 0) over (partition by id) as first,
      min(month) filter (where change <> 0) over (partition by id) as first_month
    from (select *, {_MONTH} as month from days) m) f) l where day >= first
), state as (
  select *, before as facts, -1 as sign from later where before <> 0
  union all select *, before + change, 1 from later where before + change <> 0
), fresh as (
  insert into key_day (set_id, key, kind, subject, day, facts)
  select {mine}, p.key, p.kind, p.subject, l.day, l.change from later l join place p using (id)
  where l.before = 0 and l.change <> 0
), more as (
  update key_day k set facts = l.before + l.change from later l join place p using (id)
  where {here} and l.before <> 0 and l.change <> 0 and l.before + l.change <> 0
), gone as (
  delete from key_day k using later l join place p using (id)
  where {here} and l.before <> 0 and l.before + l.change = 0
), {_firsts(mine)}
insert into key_slice as s (set_id, {_COLUMNS})
{_counts(mine, counted, shift, f"({_counted_up(shift, 'sign, id')}) u join place p using (id)", params)}
{_ADDED}"""


def filled(key_set: KeySet, counted: Sequence[Counted], shift: int, params: Params, places: Places = EVERYWHERE) -> str:
    """Adds the counts of a range of places; nothing may be counted there yet."""
    counts = recounted(key_set, counted, shift, params, places)
    return f"insert into key_slice as s (set_id, {_COLUMNS}) {counts} {_ADDED}"


def recounted(
    key_set: KeySet, counted: Sequence[Counted], shift: int, params: Params, places: Places = EVERYWHERE
) -> str:
    """The rows that ``key_slice`` should have, after all the set's days, of a range of places.

    Nothing is joined: of a set that is new the planner's statistics say that it is empty, and a join would be a loop
    over all of it for each of its rows.
    """
    mine = params.add(key_set.id, "text")
    days = f"set_id = {mine}"
    for compare, place in zip((">=", "<"), places, strict=True):
        if place is not None:
            days += f" and (kind, subject, key) {compare} ({', '.join(params.add(part, 'text') for part in place)})"
    return f"""with state as (
  select kind, subject, key, day, {_MONTH} as month, facts, 1 as sign, null::date as first, null::int as first_month,
    {", ".join(f"0 as {n}" for n in _different(shift).values())}
  from key_day where {days}
), firsts as (
  select kind, subject, key, day, facts, 1 as sign from (
    select distinct on (kind, subject, key) * from key_day where {days} order by kind, subject, key, day) o
  where day = (select min(k.day) from key_day k where k.set_id = {mine} and {OF_ALL} and k.key = o.key)
)
{_counts(mine, counted, shift, f"({_counted_up(shift, 'kind, subject, key')}) u", params)}"""


def _firsts(mine: str) -> str:
    """Where a key's first day ever may move: what the subjects of the old one lose, and those of the new one get."""
    return f"""early as materialized (
  select n.key, o.day as old_day from (select key, min(day) as first from delta group by key) n
  left join lateral (select k.day from key_day k where k.set_id = {mine} and {OF_ALL} and k.key = n.key
    order by k.day limit 1) o on true where o.day is null or o.day >= n.first
), known as materialized (
  select k.kind, k.subject, k.key, k.day, k.facts from early e
  cross join lateral (select k.* from key_day k where k.set_id = {mine} and k.key = e.key) k
), merged as materialized (
  select kind, subject, key, day, sum(facts)::int as facts from (
    select * from known union all select d.kind, d.subject, d.key, d.day, d.facts from delta d join early using (key)) a
  group by 1, 2, 3, 4 having sum(facts) <> 0
), firsts as (
  select k.kind, k.subject, k.key, k.day, k.facts, -1 as sign
  from early e join known k on k.key = e.key and k.day = e.old_day
  union all
  select m.kind, m.subject, m.key, m.day, m.facts, 1 from merged m
  join (select key, min(day) as day from merged group by key) f using (key, day)
)"""


def _counts(mine: str, counted: Sequence[Counted], shift: int, counted_up: str, params: Params) -> str:
    """The rows for ``key_slice`` that follow from the days ``counted_up``, each with its place, and ``firsts``."""
    so_far = {g: f"so_far_{g if g in ('day', *_different(shift)) else _SAME[g]}" for g in ENTERED}
    entered = ", ".join(
        f"sum(sign * ({so_far[grain]} - facts < at_least and at_least <= {so_far[grain]})::int) as {name}"
        for grain, name in ENTERED.items()
    )
    return f"""select {mine}, c.* from (
  select at_least, kind, subject, day, sum(sign * facts)::int as facts, {entered}
  from {counted_up} join {_where([c for c in counted if c[0]], params)} group by 1, 2, 3, 4
  union all
  select at_least, kind, subject, day, sum(sign * facts)::int, {", ".join("sum(sign)" for _ in _SUMS)}
  from firsts join {_where([c for c in counted if not c[0]], params)} group by 1, 2, 3, 4
) c where (c.facts, {", ".join(f"c.{name}" for name in _SUMS)}) <> (0{", 0" * len(_SUMS)})"""


def _where(counted: Sequence[Counted], params: Params) -> str:
    """What a place is joined with: for how many facts it is counted."""
    columns = [[place[n] if place else None for _, place in counted] for n in range(3)]
    before = ", ".join(params.add(column, "text[]") for column in columns)
    return (
        f"unnest({params.add([n for n, _ in counted], 'int[]')}, {before}) as t(at_least, kind_, subject_, key_)"
        " on t.kind_ is null or (kind, subject, key) < (t.kind_, t.subject_, t.key_)"
    )


def _counted_up(shift: int, place: str) -> str:
    """Each day of each key with the facts that it had so far in each period that the day lies in. ``place``: the
    columns of ``state`` that say which days are one key's in one place.

    All is of one order of the days: what a key had when the period began is the most that it had before one did.
    """
    grains = _different(shift)
    window = f"window w as (partition by {place} order by day)"
    begins = ", ".join(
        f"{period(g, shift, 'lag(day) over w', 'lag(month) over w')} is distinct from {period(g, shift)} as begins_{g}"
        for g in grains
    )
    before = ", ".join(f"max(ever - facts) filter (where begins_{g}) over w as before_{g}" for g in grains)
    so_far = ", ".join(
        f"ever - before_{g} + case when {period(g, shift)} = {period(g, shift, 'first', 'first_month')}"
        f" then {name} else 0 end as so_far_{g}"
        for g, name in grains.items()
    )
    return f"""select *, facts as so_far_day, {so_far} from (
    select *, {before} from (select *, sum(facts) over w as ever, {begins} from state {window}) e {window}) b"""


def _different(shift: int) -> dict[AnyGrain, str]:
    """The periods longer than a day that differ: fiscal ones may be those of the calendar."""
    same = {"fiscal_quarter"} if shift % 3 == 0 else set()
    same |= {"fiscal_year"} if shift == 0 else set()
    return {grain: name for grain, name in ENTERED.items() if grain not in ("day", *same)}


def period(grain: AnyGrain, shift: int, day: str = "day", month: str = "month") -> str:
    """A number that is the same for all days of a period, and for no other, of the columns of a day and its month."""
    match grain:
        case "week":
            return f"(({day} - date '0001-01-01') / 7)"  # that day was a Monday
        case "month":
            return month
        case "quarter":
            return f"({month} / 3)"
        case "year":
            return f"({month} / 12)"
        case "fiscal_quarter":
            return f"(({month} - {shift}) / 3)"
        case "fiscal_year":
            return f"(({month} - {shift}) / 12)"
    return day
