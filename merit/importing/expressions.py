"""Expressions of a mapping, as in a spreadsheet: parsed by Python's grammar, checked by kind, never run as code.

There is no division, because it would have to round (cents are ``amount * 0.01``); arithmetic is exact. What is not
filled in makes the whole result "not filled in", and a comparison with it is false.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from merit.importing import comparing, functions
from merit.importing.functions import BadExpression, Part
from merit.importing.kinds import KNOWN_AS, Kind, common
from merit.importing.places import hint
from merit.importing.scopes import Scope

EXPRESSION_CHARACTERS_MAX = 1000


@dataclass(frozen=True)
class Expression:
    """A checked expression: its text, what it results in, the columns that it reads, and how to work it out."""

    text: str
    kind: Kind
    names: tuple[str, ...]
    value: Callable[[Any], Any]
    """Over a row's values, or over a Scope; raises Unusable."""
    counts: bool = False
    """Whether the same row twice would make another result."""


def over_rows(text: str, kinds: Mapping[str, Kind]) -> Expression:
    """An expression over one row's values. Raises BadExpression."""
    return _Reader(text, kinds, of_rows=True).read()


def over_scopes(text: str, kinds: Mapping[str, Kind]) -> Expression:
    """An expression over a Scope: it may sum up, and a column outside of a sum is one on which all rows agree.

    Raises BadExpression.
    """
    return _Reader(text, kinds, of_rows=False).read()


def holds(value: Any) -> bool:
    """Whether a condition is met: something is filled in, and it is not false."""
    return value is not None and value is not False


class _Reader:
    """Walks the syntax tree of one expression; each node becomes a function of a row or a scope."""

    def __init__(self, text: str, kinds: Mapping[str, Kind], of_rows: bool) -> None:
        self._text, self._kinds, self._of_rows = text.strip(), kinds, of_rows
        self._names: dict[str, None] = {}
        self._counts = False

    def read(self) -> Expression:
        if len(self._text) > EXPRESSION_CHARACTERS_MAX:
            raise BadExpression(f"an expression has at most {EXPRESSION_CHARACTERS_MAX} characters")
        try:
            part = self._part(ast.parse(self._text, mode="eval").body)
        except (SyntaxError, RecursionError, MemoryError):
            raise BadExpression(f"{self._text!r} is no expression") from None
        return Expression(self._text, part.kind, tuple(self._names), part.value, self._counts)

    def _part(self, node: ast.AST) -> Part:
        reads: dict[type, Callable[[Any], Part]] = {
            ast.Constant: self._constant, ast.Name: self._name, ast.BinOp: self._arithmetic, ast.UnaryOp: self._unary,
            ast.BoolOp: self._logic, ast.Compare: self._comparison, ast.IfExp: self._choice, ast.Call: self._call,
        }  # fmt: skip
        if type(node) not in reads:
            raise BadExpression(f"{self._source(node)!r} is nothing that an expression may say")
        return reads[type(node)](node)

    def _source(self, node: ast.AST) -> str:
        return ast.get_source_segment(self._text, node) or self._text

    def _constant(self, node: ast.Constant) -> Part:
        value: Any = node.value
        kind = KNOWN_AS.get(type(value))
        if isinstance(value, float):  # exactly what was written, and never a float
            value, kind = Decimal(self._source(node).replace("_", "")), "decimal"
        if kind is None:
            raise BadExpression(f"{self._source(node)!r} is no text, number, True, False or None")
        return Part(kind, lambda _: value, constant=True, of=value)

    def _name(self, node: ast.Name) -> Part:
        if (name := node.id) not in self._kinds:
            raise BadExpression(f"there is no column {name!r} here" + hint(name, self._kinds))
        if (kind := self._kinds[name]) == "texts":
            raise BadExpression(f"{name!r} holds several values: name it in 'each' or 'group' to get them one by one")
        self._names[name] = None
        if self._of_rows:
            return Part(kind, operator.itemgetter(name))

        def agreed(scope: Scope) -> Any:
            return scope.rows[0][name] if len(scope.rows) == 1 else scope.agreed(name)

        return Part(kind, agreed)

    def _arithmetic(self, node: ast.BinOp) -> Part:
        left, right = self._part(node.left), self._part(node.right)
        return functions.arithmetic(type(node.op), left, right, self._source(node))

    def _unary(self, node: ast.UnaryOp) -> Part:
        part = self._part(node.operand)
        value = part.value
        if isinstance(node.op, ast.Not):
            return Part("boolean", lambda x: not holds(value(x)))
        if not isinstance(node.op, ast.USub):
            raise BadExpression(f"{self._source(node)!r} is nothing that an expression may say")
        zero = Part("decimal", lambda _: Decimal(0))
        return functions.arithmetic(ast.Sub, zero, part, self._source(node))

    def _logic(self, node: ast.BoolOp) -> Part:
        values = [self._part(part).value for part in node.values]
        meet = all if isinstance(node.op, ast.And) else any
        return Part("boolean", lambda x: meet(holds(value(x)) for value in values))

    def _comparison(self, node: ast.Compare) -> Part:
        if len(node.ops) > 1:
            raise BadExpression(f"{self._source(node)!r} compares twice: join two comparisons with 'and'")
        left, op, other = self._part(node.left), type(node.ops[0]), node.comparators[0]
        if op in (ast.In, ast.NotIn):
            if not isinstance(other, ast.List | ast.Tuple):
                raise BadExpression("'in' wants a list, such as ['a', 'b']")
            return comparing.among(left, [self._part(item) for item in other.elts], op is ast.In)
        return comparing.compared(op, left, self._part(other), self._source(node))

    def _choice(self, node: ast.IfExp) -> Part:
        test, yes, no = self._part(node.test), self._part(node.body), self._part(node.orelse)
        kind = common([yes.kind, no.kind])
        if kind is None:
            raise BadExpression(f"{self._source(node)!r} is {yes.kind} or {no.kind}: both sides are of one kind")
        return Part(kind, lambda x: yes.value(x) if holds(test.value(x)) else no.value(x))

    def _call(self, node: ast.Call) -> Part:
        name = node.func.id if isinstance(node.func, ast.Name) else self._source(node.func)
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise BadExpression(f"{name} takes its arguments one after the other")
        if name in functions.OF_ROWS:
            return functions.OF_ROWS[name]([self._part(argument) for argument in node.args])
        if name not in functions.OF_SCOPES:
            raise BadExpression(f"there is no function {name!r}" + hint(name, functions.NAMES))
        if self._of_rows:
            raise BadExpression(f"{name} is over the rows of a group: it cannot stand here")
        self._counts |= name in functions.COUNTING
        if name == functions.EVEN:
            return functions.OF_SCOPES[name]([self._part(argument) for argument in node.args])
        inner = _Reader(self._text, self._kinds, of_rows=True)
        parts = [inner._part(argument) for argument in node.args]
        self._names |= inner._names
        return functions.OF_SCOPES[name](parts)
