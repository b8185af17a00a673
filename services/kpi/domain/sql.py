"""What the words of a definition mean over the rows of a fact table: fields, filters, days and subjects, as SQL.

Live slices, backfill, reads, preview, drill-down and audit are all made of this one text. Every value is a parameter;
names of columns come from the registry only. A comparison with a missing field is false.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.kpi.domain.conditions import DECIMAL, Condition, literal
from services.kpi.domain.fact_kinds import FieldType
from services.kpi.domain.fields import ATTRIBUTE, Fields, is_attribute
from services.kpi.domain.measures import Family, Measure

_COMPARE = {"eq": "=", "ne": "<>", "lt": "<", "lte": "<=", "gt": ">", "gte": ">="}
_CAST: dict[FieldType, str] = {
    "text": "text",
    "decimal": "numeric",
    "boolean": "boolean",
    "date": "date",
    "instant": "timestamptz",
}


class Params(list[Any]):
    """The parameters of one statement: adding one gives its placeholder."""

    def add(self, value: Any, cast: str) -> str:
        self.append(value)
        return f"${len(self)}::{cast}"


def matches(measure: Measure, params: Params) -> str:
    """The condition that picks the measure's facts out of a table ``f``."""
    picked = _joined(measure.aggregate.where, " and ", "true", measure.fields, params)
    return picked if measure.reached is None else f"({picked} and f.object_id <= {params.add(measure.reached, 'text')})"


def column(fields: Fields, field: str, params: Params) -> str:
    """A field's value. An attribute that is not of its declared type counts as missing."""
    if is_attribute(field):
        text = f"(f.attributes ->> {params.add(field.removeprefix(ATTRIBUTE), 'text')})"
        return _declared(text, fields.type(field) or "text")
    assert fields.type(field), field
    return "(f.rep_id is not null)" if field == "credited" else f"f.{fields.kind.column(field)}"


def day_of(family: Family, anchor: str, params: Params) -> str:
    """The local day of an anchor; null where the fact has none."""
    if is_attribute(anchor):
        return column(family.fields, anchor, params)
    return f"f.{family.kind.anchors[anchor]}"


def membership_day(family: Family, params: Params) -> str:
    """The day that decides for whom a fact counts: an order's for its refunds and payments, else the fact's own."""
    return f"f.{family.kind.member_day}" if family.kind.member_day else day_of(family, family.time, params)


def subjects_of(family: Family, params: Params) -> str:
    """The subjects ``s(kind, subject)`` of a row ``f``: its rep's on that day, its territory, and the company."""
    day = membership_day(family, params)
    return (
        "lateral (select s.kind, s.subject from span s"
        f" where s.person_id = f.rep_id and {day} >= s.valid_from and {day} < s.valid_to"
        " union all select 'territory', f.territory where f.territory is not null"
        " union all select 'company', 'company') s"
    )


def amount_of(measure: Measure, params: Params) -> str:
    """What one (object, entry) has of the measure's field: the sum of its credits' parts, or what they all repeat."""
    field = measure.aggregate.field
    if field is None:
        return "count(*)"
    return f"{'sum' if field in measure.fields.kind.split else 'max'}({column(measure.fields, field, params)})"


def _joined(conditions: Sequence[Condition], word: str, empty: str, fields: Fields, params: Params) -> str:
    return f"({word.join(_condition(c, fields, params) for c in conditions) or empty})"


def _condition(c: Condition, fields: Fields, params: Params) -> str:
    if c.all_of is not None:
        return _joined(c.all_of, " and ", "true", fields, params)
    if c.any_of is not None:
        return _joined(c.any_of, " or ", "false", fields, params)
    if c.none_of is not None:
        return f"(not {_condition(c.none_of, fields, params)})"
    return f"coalesce({_comparison(c, fields, params)}, false)"


def _comparison(c: Condition, fields: Fields, params: Params) -> str:
    assert c.field
    left = column(fields, c.field, params)
    kind = fields.type(c.field) or "text"
    cast = _CAST[kind]
    if c.operator in ("set", "not_set"):
        return f"{left} is {'not ' if c.operator == 'set' else ''}null"
    if c.operator in ("in", "not_in"):
        values = params.add([literal(v, kind) for v in c.values or ()], f"{cast}[]")
        if c.operator == "in":
            return f"{left} = any({values})"
        return f"({left} is not null and {left} <> all({values}))"  # of no values even null differs from all
    if c.field2:
        right = column(fields, c.field2, params)
    else:
        assert c.value is not None
        right = params.add(literal(c.value, kind), cast)
    collate = ' collate "C"' if kind == "text" else ""
    return f"{left}{collate} {_COMPARE[c.operator or 'eq']} {right}"


def _declared(text: str, kind: FieldType) -> str:
    match kind:
        case "decimal":
            return f"(case when {text} ~ '^{DECIMAL}$' then {text}::numeric end)"
        case "boolean":
            return f"(case {text} when 'true' then true when 'false' then false end)"
        case "date":
            valid = f"{text} ~ '^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}$' and pg_input_is_valid({text}, 'date')"
            return f"(case when {valid} then {text}::date end)"
        case "instant":
            return f"(case when pg_input_is_valid({text}, 'timestamptz') then {text}::timestamptz end)"
    return text
