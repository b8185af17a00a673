"""The SQL that fills and empties fact tables and folds facts into slices, made from the registry of facts.

Facts go in and out as arrays: a statement per table and batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from services.kpi.domain.definitions import Measure
from services.kpi.domain.fact_kinds import KEY_COLUMNS, FactKind
from services.kpi.domain.sql import Params, contributions

Family = tuple[str, str]
"""The facts that one pass can fold: of a kind, put into periods by the same date (kind, anchor)."""

_TYPES = {"text": "text", "decimal": "numeric", "boolean": "boolean", "date": "date", "instant": "timestamptz"}
_SHARED = {"line": "int", "attributes": "text"}


def column_types(kind: FactKind) -> dict[str, str]:
    """The PostgreSQL type of each column in the order of a row; attributes travel as JSON text."""
    own = {name: _TYPES[type_] for name, type_ in kind.own.items()}
    return {c: own.get(c) or _SHARED.get(c) or ("date" if c in kind.day_columns else "text") for c in kind.columns}


def given(kind: FactKind) -> str:
    """The rows in the first parameters: a row's columns, then its partition and the rank of the reason to tell."""
    types = {**column_types(kind), "partition": "int", "reason": "int"}
    arrays = ", ".join(f"${n}::{type_}[]" for n, type_ in enumerate(types.values(), 1))
    names = ", ".join("attributes::jsonb as attributes" if c == "attributes" else c for c in types)
    return f"select {names} from unnest({arrays}) as g({', '.join(types)})"


def insertion(kind: FactKind) -> str:
    """Put the rows of ``given`` into the table."""
    names = ", ".join((*kind.columns, "partition"))
    return f"insert into {kind.table} ({names}) select {names} from given"


def deletion(kind: FactKind) -> str:
    """Take rows out by their keys, with the rank of each one's reason: the first four parameters."""
    keys = " and ".join(f"f.{c} = g.{c}" for c in KEY_COLUMNS)
    return (
        f"delete from {kind.table} f using unnest($1::text[], $2::text[], $3::int[], $4::int[])"
        f" as g({', '.join(KEY_COLUMNS)}, reason) where {keys} returning f.*, g.reason"
    )


def owner(kind: FactKind) -> str:
    """The kind of object that a fact ``f`` is of."""
    first, *others = kind.objects
    named = "".join(f" when '{other}' then '{other}'" for other in others)
    return f"case f.entry_kind{named} else '{first}' end" if others else f"'{first}'"


def selection(kind: FactKind) -> str:
    """The rows of a table with their columns in the order of a row, attributes as JSON text."""
    names = ", ".join("attributes::text as attributes" if c == "attributes" else c for c in kind.columns)
    return f"select {names} from {kind.table}"


def families(measures: Iterable[Measure]) -> dict[Family, list[Measure]]:
    """The additive measures of each family that any measure is of."""
    found: dict[Family, list[Measure]] = {}
    for measure in measures:
        found.setdefault((measure.over, measure.time), []).extend([measure] if measure.additive else [])
    return found


def folding(
    passes: Mapping[Family, Sequence[Measure]], params: Params, source: str, reason: str, sign: int, cause: str
) -> str:
    """Add (sign 1) or take away (sign -1) what the facts in ``source`` give to the slices, and mark what changed.

    It goes on from ``with`` and the tables that ``source`` names. ``cause`` is the traceparent that marks name.
    """
    deltas = [contributions(*family, some, params, source, reason) for family, some in passes.items()]
    changed = " union all ".join(f"select kind, subject, day, reason from d{n}" for n in range(len(deltas)))
    marks = (
        "insert into changed (kind, subject, day, reason, traceparent)"
        f" select kind, subject, day, max(reason), {params.add(cause, 'text')} from ({changed}) c group by 1, 2, 3"
    )
    parts = [f"d{n} as ({delta})" for n, delta in enumerate(deltas)]
    return f"{', '.join(parts)}, marks as ({marks}) {into_slices(passes.values(), params, sign)}"


def into_slices(passes: Iterable[Sequence[Measure]], params: Params, sign: int) -> str:
    """Add what ``d0``, ``d1`` … have for each one's measures to the slices, times ``sign``."""
    factor = params.add(sign, "int")
    parts = []
    for n, measures in enumerate(passes):
        each = ", ".join(f"({params.add(m.id, 'text')}, v{i}, n{i})" for i, m in enumerate(measures))
        each = each or "(null, null::numeric, 0)"  # nothing is kept of this family
        parts.append(
            f"select m.id, kind, subject, day, partition, m.value * {factor}, m.facts * {factor}"
            f" from d{n} cross join lateral (values {each}) as m(id, value, facts) where m.facts > 0"
        )
    return (
        "insert into slice as s (measure_id, kind, subject, day, partition, value, facts)"
        f" {' union all '.join(parts)} on conflict (measure_id, kind, subject, day, partition)"
        " do update set value = s.value + excluded.value, facts = s.facts + excluded.facts"
    )
