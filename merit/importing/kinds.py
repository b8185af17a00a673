"""The kinds of values that a column holds and an expression results in."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, get_args

ColumnKind = Literal["text", "integer", "decimal", "date", "datetime", "duration", "boolean"]
"""How the cells of a column can be read."""
Kind = Literal[ColumnKind, "texts", "any", "nothing"]
"""``texts``: several texts of one cell; ``any``: what a ``map`` or a constant says; ``nothing``: the constant None."""
COLUMN_KINDS: tuple[str, ...] = get_args(ColumnKind)
NUMBERS: tuple[Kind, ...] = ("integer", "decimal")
ORDERED: tuple[Kind, ...] = (*NUMBERS, "text", "date", "datetime", "duration")
KNOWN_AS: dict[type, Kind] = {str: "text", bool: "boolean", int: "integer", Decimal: "decimal", type(None): "nothing"}


def common(kinds: Sequence[Kind]) -> Kind | None:
    """The one kind that values of these kinds have; None when there is none."""
    found = set(kinds) - {"nothing"}
    if found <= set(NUMBERS):
        return "decimal" if "decimal" in found else "integer" if found else "nothing"
    return found.pop() if len(found) == 1 else None


def kind_of(values: Sequence[Any]) -> Kind:
    """The kind of what a ``map`` says: that of its values, or ``any`` where they are of several."""
    return common([KNOWN_AS.get(type(value), "any") for value in values]) or "any"
