"""Measures over cells (a subject and a window each), and the facts behind one, read from facts as SQL."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from services.kpi.domain.fact_kinds import FactKind
from services.kpi.domain.key_days import OF_ALL, as_kept
from services.kpi.domain.measures import Measure
from services.kpi.domain.sight import Sight
from services.kpi.domain.sql import Params, amount_of, column, day_of, matches, membership_day

BELOW = "m.kind in ('manager', 'rep')"
"""The spans of a caller's tree: those of whom they manage, and their own (whether anyone reports to them or not)."""
CELLS = "unnest($1::text[], $2::date[], $3::date[]) with ordinality as c(subject, since, until, n)"
"""The cells of a statement, out of its first three parameters; windows are ``[since, until)``."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of facts: of which kind of subject, how far the caller sees, and by which fields it is split up."""

    kind: str
    sight: Sight
    by: tuple[str, ...] = ()


def measured(measure: Measure, asked: Asked, params: Params, kept_keys: bool = False) -> str:
    """A measure per cell: columns ``n, g, value, facts``, cells without a fact left out.

    ``g``: the values of the fields that are asked ``by``, as texts. ``facts``: how many have a number. ``kept_keys``:
    the measure's key set is kept, so that the first day of a key can be looked up.
    """
    if measure.aggregate.measure in _OF_KEYS:
        return _keys_counted(measure, asked, params, kept_keys)
    group, amount = _group(measure, asked, params), amount_of(measure, params)
    entries = f"select c.n, {group} as g, {amount} as v {_facts(measure, asked, params)} group by c.n, g, {_ENTRY}"
    if measure.aggregate.measure == "percentile":
        return _percentile(measure, entries, params)
    value = {"sum": "coalesce(sum(v), 0)", "count": "count(*)", "min": "min(v)", "max": "max(v)"}
    picked = value[measure.aggregate.measure]
    return f"select n, g, {picked} as value, count(v) as facts from ({entries}) e group by n, g"


def behind(measure: Measure, asked: Asked, params: Params, after: str, limit: str, kept_keys: bool = False) -> str:
    """The facts that a measure counts in the one cell, each entry of an object once, by day, object and entry.

    Columns ``day, object_id, entry, value`` (of the measure's field), ``rep_ids, customer_id, territory, fields`` (a
    JSON object of the kind's own: what is split among credits, as far as they are the subject's and in sight).
    ``after``: a row expression of (day, object_id, entry), to begin behind it.
    """
    family = measure.family
    day = day_of(family, family.time, params)
    field = measure.aggregate.field
    if measure.aggregate.measure in _OF_KEYS and field is not None:
        value = f"max(({column(measure.fields, field, params)})::text)"
    else:
        value = f"trim_scale({amount_of(measure, params)})::text" if field else "null"
    rows = _with_keys if measure.aggregate.measure in _OF_KEYS else _facts
    facts = rows(measure, asked, params, kept_keys)
    place = f'({day}, f.object_id collate "C", f.entry collate "C")'
    return (
        f"select {day} as day, f.object_id, f.entry, {value} as value,"
        " array_remove(array_agg(distinct f.rep_id), null) as rep_ids, max(f.customer_id) as customer_id,"
        f" max(f.territory) as territory, {_own(measure)} as fields {facts} and {place} > {after}"
        f' group by {day}, {_ENTRY} order by {day}, f.object_id collate "C", f.entry collate "C" limit {limit}'
    )


def _own(measure: Measure) -> str:
    """The fields of one (object, entry) that only its kind of fact has, and its attributes; decimals as texts."""
    kind = measure.fields.kind
    pairs = [f"'{name}', {_of_entry(kind, name)}" for name in kind.own]
    return f"jsonb_build_object({', '.join(pairs)}, 'attributes', (array_agg(f.attributes))[1])::text"


def _of_entry(kind: FactKind, name: str) -> str:
    match kind.own[name]:
        case "decimal":
            return f"trim_scale({'sum' if name in kind.split else 'max'}(f.{name}))::text"
        case "boolean":
            return f"bool_or(f.{name})"
    return f"max(f.{name})"


_ENTRY = "f.object_id, f.entry"
_OF_KEYS = ("count_distinct", "count_entities")


def _facts(measure: Measure, asked: Asked, params: Params, kept_keys: bool = False) -> str:
    """The rows ``f`` of the measure's facts in each cell ``c``, as far as the caller sees."""
    table = measure.fields.kind.table
    match asked.kind:
        case "company":
            joined = f"join {table} f on c.subject = 'company'"
        case "territory":
            joined = f"join {table} f on f.territory = c.subject"
        case _:
            member = membership_day(measure.family, params)
            joined = (
                f"join span s on s.kind = {params.add(asked.kind, 'text')} and s.subject = c.subject join {table} f"
                f" on f.rep_id = s.person_id and {member} >= s.valid_from and {member} < s.valid_to"
            )
    seen = _seen_by(asked.sight, measure, params)
    return f"from {CELLS} {joined} where {_within(measure, params)}{seen} and {matches(measure, params)}"


def _within(measure: Measure, params: Params) -> str:
    """A fact of the cell's window; of a stock, one that is open at the end of its last day."""
    family = measure.family
    day = day_of(family, family.time, params)
    if family.until is None:
        return f"{day} >= c.since and {day} < c.until"
    last = day_of(family, family.until, params)
    return f"{day} < c.until and ({last} is null or {last} >= c.until)"


def _seen_by(sight: Sight, measure: Measure, params: Params) -> str:
    """Only facts of the caller, or dated while their rep was in the caller's tree."""
    if sight.own is not None:
        return f" and f.rep_id = {params.add(sight.own, 'text')}"
    if sight.tree is not None:
        member = membership_day(measure.family, params)
        return (
            f" and exists (select from span m where {BELOW} and m.subject = {params.add(sight.tree, 'text')}"
            f" and m.person_id = f.rep_id and {member} >= m.valid_from and {member} < m.valid_to)"
        )
    return ""


def _percentile(measure: Measure, entries: str, params: Params) -> str:
    """Continuous and exact: PostgreSQL's own percentile_cont is binary."""
    part = params.add(Decimal(measure.aggregate.percentile or 0).scaleb(-2), "numeric")
    values = (
        "select n, g, array_agg(v order by v) filter (where v is not null) as a,"
        f" (count(v) - 1) * {part} as at, count(v) as facts from ({entries}) e group by n, g"
    )
    low, high = "a[floor(at)::int + 1]", "a[ceil(at)::int + 1]"
    return f"select n, g, {low} + ({high} - {low}) * (at - floor(at)) as value, facts from ({values}) o"


def _keys_counted(measure: Measure, asked: Asked, params: Params, kept_keys: bool) -> str:
    key = column(measure.fields, measure.aggregate.field or "", params)
    facts = _with_keys(measure, asked, params, kept_keys)
    entries = f"select c.n, {_group(measure, asked, params)} as g, {key} as key {facts} group by c.n, g, key, {_ENTRY}"
    keys = f"select n, g, key, count(*) as many from ({entries}) e group by n, g, key"
    enough = f"count(*) filter (where many >= {params.add(measure.at_least, 'int')})"
    return f"select n, g, {enough} as value, sum(many)::bigint as facts from ({keys}) k group by n, g"


def _group(measure: Measure, asked: Asked, params: Params) -> str:
    return f"array[{', '.join(f'({column(measure.fields, name, params)})::text' for name in asked.by)}]::text[]"


def _with_keys(measure: Measure, asked: Asked, params: Params, kept_keys: bool) -> str:
    """The rows ``f`` that have a key, and where only its first counts lie on that day."""
    key = column(measure.fields, measure.aggregate.field or "", params)
    facts = f"{_facts(measure, asked, params)} and {key} is not null"
    return facts if measure.at_least else f"{facts} and {_is_first(measure, key, params, kept_keys)}"


def _is_first(measure: Measure, key: str, params: Params, kept: bool) -> str:
    """The fact's day is its key's first among all facts that the filter picks, whoever's they are."""
    family, key_set = measure.family, measure.key_set
    day = day_of(family, family.time, params)
    if kept and key_set is not None:
        mine = f"k.set_id = {params.add(key_set.id, 'text')} and {OF_ALL} and k.key = {as_kept(f'({key})::text')}"
        return f"{day} = (select min(k.day) from key_day k where {mine})"
    firsts = (
        f"select {key}, min({day}) from {measure.fields.kind.table} f"
        f" where {matches(measure, params)} and {key} is not null and {day} is not null group by 1"
    )
    return f"({key}, {day}) in ({firsts})"
