"""Comparisons in expressions: only like with like, and with what is not filled in always false."""

from __future__ import annotations

import ast
import datetime as dt
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from merit.importing.functions import BadExpression, Part
from merit.importing.kinds import NUMBERS, ORDERED

_SAME: Mapping[type, Callable[[Any, Any], bool]] = {ast.Eq: operator.eq, ast.NotEq: operator.ne}
_ORDER: Mapping[type, Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge
}  # fmt: skip


def compared(op: type, left: Part, right: Part, source: str) -> Part:
    """``left op right``; a text that is compared with a day is read as one. Raises BadExpression."""
    compare = {**_SAME, **_ORDER}.get(op)
    if compare is None or "nothing" in (left.kind, right.kind):
        raise BadExpression(f"{source!r}: say 'not x' for what is not filled in")
    left, right = _as_day(left, right), _as_day(right, left)
    if not _alike(left, right, ordered=op in _ORDER):
        raise BadExpression(f"{source!r} compares {left.kind} with {right.kind}")
    one, other = left.value, right.value

    def value(x: Any) -> bool:
        a, b = one(x), other(x)
        return a is not None and b is not None and compare(a, b)

    return Part("boolean", value)


def among(part: Part, items: Sequence[Part], wanted: bool) -> Part:
    """Whether a value is one of the constants, or, with ``wanted`` False, none of them. Raises BadExpression."""
    items = [_as_day(item, part) for item in items]
    for item in items:
        if not item.constant:
            raise BadExpression("the list after 'in' holds constants")
        if not _alike(part, item, ordered=False):
            raise BadExpression(f"{item.of!r} in the list is {item.kind}, and is looked for in {part.kind}")
    known, value = frozenset(item.of for item in items), part.value

    def found(x: Any) -> bool:
        a = value(x)
        return a is not None and (a in known) == wanted

    return Part("boolean", found)


def _alike(left: Part, right: Part, *, ordered: bool) -> bool:
    if "any" in (left.kind, right.kind):
        return not ordered
    both_numbers = left.kind in NUMBERS and right.kind in NUMBERS
    return (left.kind == right.kind or both_numbers) and (not ordered or left.kind in ORDERED)


def _as_day(part: Part, beside: Part) -> Part:
    if not (part.constant and part.kind == "text" and beside.kind == "date"):
        return part
    try:
        day = dt.date.fromisoformat(part.of)
    except ValueError:
        raise BadExpression(f"{part.of!r} is no day such as 2026-03-31") from None
    return Part("date", lambda _: day, constant=True, of=day)
