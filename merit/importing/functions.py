"""Arithmetic and the functions that an expression may call; each checks the kinds of what it is given."""

from __future__ import annotations

import ast
import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException
from typing import Any

from contracts.splits import EXACT, split, total
from merit.importing.kinds import NUMBERS, ORDERED, Kind, common
from merit.importing.scopes import Scope, Unusable, text_of

EVEN = "even"
PLACES_MAX = 10
_WIDE = Context(prec=100)


class BadExpression(ValueError):
    """An expression cannot be understood, or makes no sense; the text is for a person."""


@dataclass(frozen=True)
class Part:
    """A part of an expression: its kind and how to work it out; of a ``constant`` also what it is."""

    kind: Kind
    value: Callable[[Any], Any]
    constant: bool = False
    of: Any = None


_EXACTLY: Mapping[type, tuple[str, Callable[[Any, Any], Decimal]]] = {
    ast.Add: ("add", EXACT.add), ast.Sub: ("subtract", EXACT.subtract), ast.Mult: ("multiply", EXACT.multiply)
}  # fmt: skip


def arithmetic(op: type, left: Part, right: Part, source: str) -> Part:
    """``left op right`` for numbers, exactly, or a day or instant moved by a duration. Raises BadExpression."""
    if op is ast.Div:
        raise BadExpression(f"{source!r} divides, and would have to round: multiply, as in cents * 0.01")
    if left.kind in NUMBERS and right.kind in NUMBERS and op in _EXACTLY:
        return Part("decimal", _both(left, right, _EXACTLY[op][1]))
    if right.kind == "duration" and op in (ast.Add, ast.Sub) and left.kind in ("date", "datetime", "duration"):
        sign = 1 if op is ast.Add else -1
        return Part(left.kind, _both(left, right, lambda when, span: moved(when, sign * span)))
    raise BadExpression(f"{source!r} cannot be worked out: it joins {left.kind} and {right.kind}")


def _both(left: Part, right: Part, join: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    one, other = left.value, right.value

    def value(x: Any) -> Any:
        if (a := one(x)) is None or (b := other(x)) is None:
            return None
        try:
            return join(a, b)
        except (OverflowError, DecimalException):
            raise Unusable(f"{text_of(a)} and {text_of(b)} cannot be worked out together") from None

    return value


def moved(when: Any, span: dt.timedelta) -> Any:
    """An instant, a day or a duration that much later; an instant by time that passes, whatever clocks do."""
    if isinstance(when, dt.datetime):
        return (when.astimezone(dt.UTC) + span).astimezone(when.tzinfo)
    return when + span


def _only(name: str, parts: Sequence[Part], kinds: Sequence[Kind], what: str) -> Part:
    if len(parts) != 1 or parts[0].kind not in kinds:
        raise BadExpression(f"{name} wants {what}, as in {name}(x)")
    return parts[0]


def _through(part: Part, change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    value = part.value

    def changed(x: Any) -> Any:
        a = value(x)
        return None if a is None else change(a)

    return changed


def _starts(parts: Sequence[Part]) -> Part:
    if len(parts) != 2 or any(part.kind != "text" for part in parts) or not parts[1].constant:
        raise BadExpression("starts wants a text and what it begins with, as in starts(number, 'C')")
    begin = parts[1].of
    return Part("boolean", _through(parts[0], lambda text: text.startswith(begin)))


def _date(parts: Sequence[Part]) -> Part:
    part = _only("date", parts, ("datetime",), "an instant")
    return Part("date", _through(part, lambda when: when.date()))


def _span(name: str, unit: dt.timedelta) -> Callable[[Sequence[Part]], Part]:
    micros = Decimal(unit // dt.timedelta(microseconds=1))

    def of(number: Any) -> dt.timedelta:
        try:
            return dt.timedelta(microseconds=int(EXACT.multiply(number, micros)))
        except OverflowError:
            raise Unusable(f"{text_of(number)} {name} are too many") from None

    def span(parts: Sequence[Part]) -> Part:
        return Part("duration", _through(_only(name, parts, NUMBERS, "a number"), of))

    return span


def _round(parts: Sequence[Part]) -> Part:
    if len(parts) != 2 or parts[0].kind not in NUMBERS or parts[1].of not in range(PLACES_MAX + 1):
        raise BadExpression(f"round wants a number and 0 to {PLACES_MAX} places, as in round(price, 2)")
    step = Decimal(1).scaleb(-parts[1].of)
    return Part("decimal", _through(parts[0], lambda n: Decimal(n).quantize(step, ROUND_HALF_UP, _WIDE)))


def _coalesce(parts: Sequence[Part]) -> Part:
    kind = common([part.kind for part in parts])
    if kind is None or not parts:
        raise BadExpression("coalesce wants values of one kind, and gives the first that is filled in")
    values = [part.value for part in parts]
    return Part(kind, lambda x: next((a for value in values if (a := value(x)) is not None), None))


def _aggregate(
    name: str, kinds: Sequence[Kind], what: str, fold: Callable[[list[Any]], Any]
) -> Callable[[Sequence[Part]], Part]:
    """A function over what is filled in of the rows' values, in the order of the file."""

    def aggregate(parts: Sequence[Part]) -> Part:
        part = _only(name, parts, kinds, what)
        value = part.value
        kind: Kind = "decimal" if name == "sum" else part.kind

        def over(scope: Scope) -> Any:
            return fold([a for row in scope.rows if (a := value(row)) is not None])

        return Part(kind, over)

    return aggregate


def _count(parts: Sequence[Part]) -> Part:
    if parts:
        raise BadExpression("count() counts the rows, and takes nothing")
    return Part("integer", lambda scope: len(scope.rows))


def _even(parts: Sequence[Part]) -> Part:
    part = _only(EVEN, parts, NUMBERS, "a number")

    def value(scope: Scope) -> Any:
        if (whole := part.value(scope)) is None:
            return None
        names = [f"{place:09}" for place in range(scope.of)]
        return split(Decimal(whole), [Decimal(1)] * scope.of, names)[scope.place]

    return Part("decimal", value)


def _sum(values: Iterable[Any]) -> Decimal:
    return total(Decimal(value) for value in values)


_ALL: tuple[Kind, ...] = (*ORDERED, "boolean", "any")
OF_ROWS: Mapping[str, Callable[[Sequence[Part]], Part]] = {
    "starts": _starts,
    "date": _date,
    "days": _span("days", dt.timedelta(days=1)),
    "seconds": _span("seconds", dt.timedelta(seconds=1)),
    "round": _round,
    "coalesce": _coalesce,
}
"""Functions of one row's values."""
OF_SCOPES: Mapping[str, Callable[[Sequence[Part]], Part]] = {
    "sum": _aggregate("sum", NUMBERS, "a number", _sum),
    "min": _aggregate("min", ORDERED, "something with an order", lambda values: min(values, default=None)),
    "max": _aggregate("max", ORDERED, "something with an order", lambda values: max(values, default=None)),
    "first": _aggregate("first", _ALL, "a value", lambda values: values[0] if values else None),
    "last": _aggregate("last", _ALL, "a value", lambda values: values[-1] if values else None),
    "count": _count,
    EVEN: _even,
}
"""Functions of the rows in scope, and ``even``, of a thing's place in its list."""
COUNTING = ("sum", "count", "last")
"""Those to which it matters how often a row is there, or where."""
NAMES = (*OF_ROWS, *OF_SCOPES)
