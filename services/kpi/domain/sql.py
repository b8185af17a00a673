"""What a measure means, as SQL over facts: the one text that live slices, recomputation, preview and audit all use.

Every value is a parameter; field names come from the registry only. A comparison with a missing field is false.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from services.kpi.domain.conditions import ATTRIBUTE, Condition, field_type
from services.kpi.domain.definitions import Measure
from services.kpi.domain.fact_kinds import FACT_KINDS, FactKind

_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_CAST = {"text": "text", "decimal": "numeric", "boolean": "boolean", "date": "date"}


def subjects(kind: FactKind, time: str) -> str:
    """The subjects that a fact counts for: those of its rep on the day that decides, its territory, and the company."""
    day = kind.member_day or kind.anchors[time]
    return f"""lateral (
  select s.kind, s.subject from span s
  where s.person_id = f.rep_id and f.{day} >= s.valid_from and f.{day} < s.valid_to
  union all select 'territory', f.territory where f.territory is not null
  union all select 'company', 'company'
) s"""


class Params(list[Any]):
    """The parameters of one statement: adding one gives its placeholder."""

    def add(self, value: Any, cast: str) -> str:
        self.append(value)
        return f"${len(self)}::{cast}"


def contributions(over: str, time: str, measures: Sequence[Measure], params: Params, source: str, reason: str) -> str:
    """What each subject has of additive measures per day and partition: the slices, of the facts in ``source``.

    One pass over the facts, whatever the number of measures, all over one kind and anchor: columns ``v0, n0, v1, n1 …``
    are each one's value and how many facts made it; ``reason`` is an expression whose maximum is told.
    """
    parts = []
    for i, measure in enumerate(measures):
        assert (measure.over, measure.time) == (over, time)
        assert measure.additive
        picked = f"filter (where {matches(measure, params)})"
        parts.append(f"{number(measure, params)} {picked} as v{i}, count(*) {picked} as n{i}")
    kind = FACT_KINDS[over]
    day = f"f.{kind.anchors[time]}"
    numbers = "".join(f", {part}" for part in parts)
    return (
        f"select s.kind, s.subject, {day} as day, f.partition, max({reason}) as reason{numbers}"
        f" from {source} cross join {subjects(kind, time)} where {day} is not null group by 1, 2, 3, 4"
    )


def number(measure: Measure, params: Params) -> str:
    """The aggregate. An order with several credits is several facts, and counts once."""
    field, by = measure.aggregate.field or "", FACT_KINDS[measure.over].counted_by
    match measure.aggregate.measure:
        case "sum":
            return f"sum({_column(measure.over, field, params)})"
        case "count":
            named = ", ".join(f"f.{column}" for column in by)
            return f"count(distinct {named})" if len(by) == 1 else f"count(distinct ({named}))"
    return f"count(distinct {_column(measure.over, field, params)})"


def matches(measure: Measure, params: Params) -> str:
    """The condition that picks the measure's facts. Refunds are amounts, no orders: they are summed, not counted."""
    counted = FACT_KINDS[measure.over].counted
    own = [f"f.entry_kind = '{counted}'"] if counted and measure.aggregate.measure != "sum" else []
    return " and ".join(own + [_condition(c, measure.over, params) for c in measure.aggregate.where]) or "true"


def _condition(c: Condition, over: str, params: Params) -> str:
    if c.all_of is not None:
        return _joined(c.all_of, " and ", "true", over, params)
    if c.any_of is not None:
        return _joined(c.any_of, " or ", "false", over, params)
    if c.none_of is not None:
        return f"(not {_condition(c.none_of, over, params)})"
    return f"coalesce({_comparison(c, over, params)}, false)"


def _joined(conditions: Sequence[Condition], word: str, empty: str, over: str, params: Params) -> str:
    return f"({word.join(_condition(c, over, params) for c in conditions) or empty})"


def _comparison(c: Condition, over: str, params: Params) -> str:
    assert c.field
    column = _column(over, c.field, params)
    cast = _CAST[field_type(over, c.field) or "text"]
    if c.operator in ("set", "not_set"):
        return f"{column} is {'not ' if c.operator == 'set' else ''}null"
    if c.operator in ("in", "not_in"):
        values = params.add([_typed(v, cast) for v in c.values or []], f"{cast}[]")
        return f"{column} {'= any' if c.operator == 'in' else '<> all'}({values})"
    other = _column(over, c.field2, params) if c.field2 else params.add(_typed(c.value, cast), cast)
    collate = ' collate "C"' if cast == "text" else ""
    return f"{column}{collate} {_COMPARE[c.operator or 'eq']} {other}"


def _column(over: str, field: str, params: Params) -> str:
    if field.startswith(ATTRIBUTE):
        return f"(f.attributes ->> {params.add(field.removeprefix(ATTRIBUTE), 'text')})"
    assert field_type(over, field), field
    return {"credited": "(f.rep_id is not null)"}.get(field, f"f.{FACT_KINDS[over].column(field)}")


def _typed(value: str | bool | None, cast: str) -> Any:
    if cast == "numeric":
        return Decimal(str(value))
    return dt.date.fromisoformat(str(value)) if cast == "date" else value
