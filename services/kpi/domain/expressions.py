"""Arithmetic over other KPIs: ``+ - * /``, parentheses and decimals, read by Python's own parser, exact, never run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction

from services.kpi.domain import units
from services.kpi.domain.units import ANY, Units

LENGTH_MAX, NESTING_MAX = 500, 100
_TOKEN = re.compile(r" *(?:[a-z][a-z0-9_]*|[0-9]{1,20}(?:\.[0-9]{1,10})?(?![a-z0-9_.])|[-+*/()])")
_SIGNS: Mapping[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class BadExpression(Exception):
    """A text that is no arithmetic over KPIs: what is wrong, and where it stands (from 1)."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A plain number."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Ref:
    """Another KPI's value over the same window."""

    key: str


@dataclass(frozen=True, slots=True)
class Operation:
    """``left sign right``; a minus alone is ``0 - right``."""

    sign: str
    left: Expression
    right: Expression


Expression = Constant | Ref | Operation


def parse(text: str) -> Expression:
    """The arithmetic that a text says. Raises BadExpression."""
    if len(text) > LENGTH_MAX:
        raise BadExpression(f"at most {LENGTH_MAX} characters")
    at = 0
    while text[at:].strip(" "):
        token = _TOKEN.match(text, at)
        if token is None:
            raise BadExpression(f"at {at + 1}: only keys of KPIs, decimals, + - * / and parentheses")
        at = token.end()
    try:
        return _read(ast.parse(text.strip(" "), mode="eval").body, text.strip(" "))
    except (SyntaxError, MemoryError, RecursionError) as error:
        raise BadExpression("this is no arithmetic: is an operator, a key or a parenthesis missing?") from error


def refs(expression: Expression) -> Iterator[str]:
    """The keys that it speaks of, each as often as it does."""
    match expression:
        case Ref(key):
            yield key
        case Operation(_, left, right):
            yield from refs(left)
            yield from refs(right)


def divides(expression: Expression) -> bool:
    """Whether its value may be no decimal, although its parts are."""
    match expression:
        case Operation(sign, left, right):
            return sign == "/" or divides(left) or divides(right)
    return False


def units_of(expression: Expression, known: Mapping[str, Units]) -> Units:
    """What its value is measured in. Raises BadExpression for money plus a count, money times money and the like, and
    for a division by a number that is zero."""
    match expression:
        case Constant():
            return ANY
        case Ref(key):
            return known[key]
        case Operation(sign, one, other):
            left, right = units_of(one, known), units_of(other, known)
            rule = {"*": units.multiplied, "/": units.divided}.get(sign, units.added)
            if not (found := rule(left, right)):
                raise BadExpression(f"{_either(left)} {sign} {_either(right)} makes no sense")
            if sign == "/" and not any(refs(other)) and not calculate(other, {}):
                raise BadExpression("it is divided by zero: it would never have a value")
            return found


def calculate(expression: Expression, values: Mapping[str, Fraction]) -> Fraction:
    """Its exact value. Raises ZeroDivisionError."""
    match expression:
        case Constant(value):
            return value
        case Ref(key):
            return values[key]
        case Operation(sign, one, other):
            left, right = calculate(one, values), calculate(other, values)
            match sign:
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
            return left / right


def _read(node: ast.expr, text: str, depth: int = 1) -> Expression:
    if depth > NESTING_MAX:
        raise BadExpression(f"at most {NESTING_MAX} operations within each other")
    match node:
        case ast.BinOp(left, operator, right) if type(operator) in _SIGNS:
            return Operation(_SIGNS[type(operator)], _read(left, text, depth + 1), _read(right, text, depth + 1))
        case ast.UnaryOp(ast.USub(), operand):
            return Operation("-", Constant(Fraction(0)), _read(operand, text, depth + 1))
        case ast.Name(key):
            return Ref(key)
        case ast.Constant():  # the parser has made it binary: the text is exact
            return Constant(Fraction(text[node.col_offset : node.end_col_offset]))
    raise BadExpression(f"at {node.col_offset + 1}: only keys of KPIs, decimals, + - * / and parentheses")


def _either(found: Units) -> str:
    return "a number" if found == ANY else " or ".join(sorted(found))
