"""The SQL that picks facts out of their tables, made from the registry of facts.

Facts go in by COPY; their keys, and those that go, are told as array literals (chassis.arrays).
"""

from __future__ import annotations

from services.kpi.domain.fact_kinds import KEY_COLUMNS, FactKind
from services.kpi.domain.sql import Params

_TYPES = {"text": "text", "decimal": "numeric", "boolean": "boolean", "date": "date", "instant": "timestamptz"}
_SHARED = {"line": "int", "attributes": "text"}


def column_types(kind: FactKind) -> dict[str, str]:
    """The PostgreSQL type of each column in the order of a row; attributes travel as JSON text."""
    own = {name: _TYPES[type_] for name, type_ in kind.own.items()}
    return {c: own.get(c) or _SHARED.get(c) or ("date" if c in kind.day_columns else "text") for c in kind.columns}


def given(kind: FactKind) -> str:
    """The rows in the first parameters, as array literals: a row's columns, its partition, the rank of the reason to
    tell, and whether it comes (1) or goes (-1)."""
    types = {**column_types(kind), "partition": "int", "reason": "int", "sign": "int"}
    arrays = ", ".join(f"${n}::text::{type_}[]" for n, type_ in enumerate(types.values(), 1))
    names = ", ".join("attributes::jsonb as attributes" if c == "attributes" else c for c in types)
    return f"select {names} from unnest({arrays}) as g({', '.join(types)})"


_KEYS = (
    "unnest($1::text::text[], $2::text::text[], $3::text::int[], $4::text::int[])"
    f" as g({', '.join(KEY_COLUMNS)}, reason)"
)


def named(kind: FactKind) -> str:
    """The rows with the keys in the first parameters, each with the rank of its reason, which is the fourth."""
    return f"select f.*, g.reason from {_KEYS} join {kind.table} f using ({', '.join(KEY_COLUMNS)})"


def deletion(kind: FactKind) -> str:
    """Take the rows of ``named`` out."""
    keys = " and ".join(f"f.{c} = g.{c}" for c in KEY_COLUMNS)
    return f"delete from {kind.table} f using {_KEYS} where {keys} returning f.*, g.reason"


def of_objects(kind: FactKind, params: Params, after: str, until: str | None) -> str:
    """The facts ``f`` of the objects behind one id until another (None: of all behind it), as the tables' keys order
    them."""
    last = "" if until is None else f" and object_id <= {params.add(until, 'text')}"
    return f"(select * from {kind.table} where object_id > {params.add(after, 'text')}{last}) f"


def owner(kind: FactKind) -> str:
    """The kind of object that a fact ``f`` is of."""
    first, *others = kind.objects
    named = "".join(f" when '{other}' then '{other}'" for other in others)
    return f"case f.entry_kind{named} else '{first}' end" if others else f"'{first}'"


def selection(kind: FactKind) -> str:
    """The rows of a table with their columns in the order of a row, attributes as JSON text."""
    names = ", ".join("attributes::text as attributes" if c == "attributes" else c for c in kind.columns)
    return f"select {names} from {kind.table}"
