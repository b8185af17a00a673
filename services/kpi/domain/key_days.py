"""The days of a key set: which values of a field a subject had on which day, out of facts, as SQL.

A value can be as long as an event, and what an index holds cannot: of a long one its hash is kept.
"""

from __future__ import annotations

from services.kpi.domain.measures import KeySet
from services.kpi.domain.sql import Params, column, day_of, matches, subjects_of

OF_ALL = "k.kind = 'company' and k.subject = 'company'"
"""Who has every key of a set on each of its days."""


def as_kept(text: str) -> str:
    """The key of a value, given as an expression: itself, or of 64 bytes and more its SHA-256, which are 64 hex digits
    and so no shorter value's key."""
    return f"case when octet_length({text}) < 64 then {text} else encode(sha256(convert_to({text}, 'UTF8')), 'hex') end"


def given(key_set: KeySet, params: Params, source: str | None = None, sign: str = "1") -> str:
    """Per subject, key and day how many facts have it, of the facts ``f`` in ``source``: ``kind, subject, key, day,
    facts``. ``sign``: an expression that is 1 for a fact that came, and -1 for one that went."""
    measure, family = key_set.distinct, key_set.distinct.family
    value = f"({column(measure.fields, measure.aggregate.field or '', params)})::text"
    day = day_of(family, family.time, params)
    entries = (
        f"select s.kind, s.subject, {value} as value, {day} as day, {sign} as sign"
        f" from {source or f'{family.kind.table} f'}"
        f" cross join {subjects_of(family, params)}"
        f" where {day} is not null and {value} is not null and {matches(measure, params)}"
    )
    if family.kind.several_credits:
        entries = f"{entries} group by 1, 2, 3, 4, 5, f.object_id, f.entry"
    key = as_kept("value")
    return f"select kind, subject, {key} as key, day, sum(sign)::int as facts from ({entries}) e group by 1, 2, 3, 4"


def added(key_set: KeySet, delta: str, params: Params) -> str:
    """Takes ``delta`` (as ``given``, where nothing goes) into the days that are kept; it is not counted.

    In the order of the table's key, in which they are counted: so each page is written, and later read, once.
    """
    mine = params.add(key_set.id, "text")
    return (
        f"insert into key_day as k (set_id, kind, subject, key, day, facts) select {mine}, d.* from ({delta}) d"
        " order by kind, subject, key, day"
        " on conflict (set_id, kind, subject, key, day) do update set facts = k.facts + excluded.facts"
    )
