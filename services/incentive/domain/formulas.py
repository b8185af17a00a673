"""The small closed form in which a plan writes a rate or an amount: numbers, ``${names}``, products and quotients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

TARGET = "target"
"""The reserved name of the window's target; every other name is a payee parameter."""


@dataclass(frozen=True, slots=True)
class Formula:
    """One node. ``divide`` has two operands, and its divisor is never a payee parameter (it could be zero)."""

    operator: Literal["number", "name", "multiply", "divide"]
    number: Fraction = Fraction(0)
    name: str = ""
    operands: tuple[Formula, ...] = ()


def number(value: Fraction) -> Formula:
    """A constant."""
    return Formula("number", number=value)


def names(formula: Formula) -> Iterator[str]:
    """Every name in it, from left to right."""
    if formula.operator == "name":
        yield formula.name
    for operand in formula.operands:
        yield from names(operand)


def evaluate(formula: Formula, values: Mapping[str, Fraction]) -> Fraction:
    """Its exact value. Raises KeyError for a name without a value, ZeroDivisionError when the target is zero."""
    match formula.operator:
        case "number":
            return formula.number
        case "name":
            return values[formula.name]
        case "multiply":
            product = Fraction(1)
            for operand in formula.operands:
                product *= evaluate(operand, values)
            return product
        case "divide":
            dividend, divisor = formula.operands
            return evaluate(dividend, values) / evaluate(divisor, values)
