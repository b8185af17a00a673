"""What facts give to slices: additive measures per subject and day, as one SQL text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.kpi.domain.measures import Family, Measure
from services.kpi.domain.sql import Params, amount_of, column, day_of, matches, subjects_of


def contributions(
    family: Family, measures: Sequence[Measure], params: Params, source: str | None = None, reason: str = "0"
) -> str:
    """What each subject has of a family's additive measures per day, of the facts ``f`` in ``source``.

    One pass over the facts, whatever the number of measures: columns ``kind, subject, day, reason``, and ``v0, n0, v1,
    n1 ...``: each measure's value, and how many rows have one. ``reason`` is an expression whose maximum is told. A
    stock's facts add on the day that lets them in, and subtract on the day that lets them out (not before they came
    in), so that what is open at the end of a day is the sum of all days until then.
    """
    whole = source or f"{family.kind.table} f"
    days, day, sign = _days(family, params)
    rows = f"from {whole} {days}cross join {subjects_of(family, params)} where {day} is not null"
    place = f"s.kind, s.subject, {day} as day"
    if _one_row_each(family, measures):
        parts = [_of_rows(i, m, sign, params) for i, m in enumerate(measures)]
        return f"select {place}, max({reason}) as reason{''.join(parts)} {rows} group by 1, 2, 3"
    entries = (
        f"select {place}, {sign} as sign, max({reason}) as reason"
        f"{''.join(_of_entry(i, m, params) for i, m in enumerate(measures))} {rows}"
        " group by 1, 2, 3, 4, f.object_id, f.entry"
    )
    sums = (f", coalesce(sum(sign * v{i}), 0) as v{i}, sum(n{i})::bigint as n{i}" for i in range(len(measures)))
    return f"select kind, subject, day, max(reason) as reason{''.join(sums)} from ({entries}) e group by 1, 2, 3"


def folding(
    slices: Mapping[Family, Sequence[Measure]],
    params: Params,
    source: str,
    reason: str,
    sign: int,
    slot: int,
    cause: str,
) -> str:
    """Add (sign 1) or take away (sign -1) what the facts ``f`` in ``source`` give to the slices, and mark what changed.

    It goes on from ``with`` and the tables that ``source`` names. ``slot``: that of the transaction (store.slots).
    ``cause`` is the traceparent that marks name.
    """
    passes = list(slices.items())
    deltas = [contributions(family, some, params, source, reason) for family, some in passes]
    parts = [f"d{n} as ({delta})" for n, delta in enumerate(deltas)]
    told = params.add(cause, "text")
    changed = " union all ".join(
        f"select {params.add(family.name, 'text')}, kind, subject, day, reason, {told} from d{n}"
        for n, (family, _) in enumerate(passes)
    )
    marks = f"insert into changed (family, kind, subject, day, reason, traceparent) {changed}"
    return f"{', '.join(parts)}, marks as ({marks}) {into_slices([some for _, some in passes], params, sign, slot)}"


def into_slices(passes: Sequence[Sequence[Measure]], params: Params, sign: int, slot: int) -> str:
    """Add what ``d0``, ``d1`` ... have for each one's measures to the slices of a slot, times ``sign``."""
    factor, mine = params.add(sign, "int"), params.add(slot, "int")
    parts = []
    for n, measures in enumerate(passes):
        each = ", ".join(f"({params.add(m.id, 'text')}, v{i}, n{i})" for i, m in enumerate(measures))
        each = each or "(null, null::numeric, 0)"  # nothing is kept of this family
        parts.append(
            f"select m.id, kind, subject, day, {mine}, m.value * {factor}, m.facts * {factor}"
            f" from d{n} cross join lateral (values {each}) as m(id, value, facts) where m.facts > 0"
        )
    return (
        "insert into slice as s (measure_id, kind, subject, day, slot, value, facts)"
        f" {' union all '.join(parts)} on conflict (measure_id, kind, subject, day, slot)"
        " do update set value = s.value + excluded.value, facts = s.facts + excluded.facts"
    )


def _days(family: Family, params: Params) -> tuple[str, str, str]:
    """The join that spreads a stock's facts over their two days, the day, and whether it adds or subtracts."""
    first = day_of(family, family.time, params)
    if family.until is None:
        return "", first, "1"
    last = day_of(family, family.until, params)
    out = f"case when {last} is not null then greatest({first}, {last}) end"
    both = f"values ({first}, 1), (case when {first} is not null then {out} end, -1)"
    return f"cross join lateral ({both}) as e(day, sign) ", "e.day", "e.sign"


def _one_row_each(family: Family, measures: Sequence[Measure]) -> bool:
    """Whether rows can be summed as they are: no fact has several, or each row has its own part of what is summed."""
    if not family.kind.several_credits:
        return True
    return all(m.aggregate.field in family.kind.split for m in measures)


def _of_rows(i: int, measure: Measure, sign: str, params: Params) -> str:
    picked = f"filter (where {matches(measure, params)})"
    field = measure.aggregate.field
    if field is None:
        return f", coalesce(sum({sign}) {picked}, 0) as v{i}, count(*) {picked} as n{i}"
    value = column(measure.fields, field, params)
    return f", coalesce(sum({sign} * {value}) {picked}, 0) as v{i}, count({value}) {picked} as n{i}"


def _of_entry(i: int, measure: Measure, params: Params) -> str:
    picked = f"filter (where {matches(measure, params)})"
    field = measure.aggregate.field
    if field is None:
        return f", case when count(*) {picked} > 0 then 1 end as v{i}, count(*) {picked} as n{i}"
    value = column(measure.fields, field, params)
    return f", {amount_of(measure, params)} {picked} as v{i}, count({value}) {picked} as n{i}"
