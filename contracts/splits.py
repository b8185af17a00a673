"""Splitting amounts exactly: parts that sum to the whole, and arithmetic that raises rather than rounds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Context, Decimal, Inexact
from fractions import Fraction
from functools import reduce

EXACT = Context(prec=100, traps=[Inexact])
"""Arithmetic that raises rather than round: an amount (20.10 digits) times a share (1.10) has at most 41 digits."""
SPLIT_STEP = Decimal("0.0000000001")
"""A split that is no finite decimal goes to 10 places by largest remainder."""


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum. (``sum`` rounds to the 28 digits of the default context; an amount alone may have 30.)"""
    return reduce(EXACT.add, amounts, Decimal(0))


def split(amount: Decimal, weights: Sequence[Decimal], names: Sequence[str]) -> list[Decimal]:
    """Split an amount in proportion to weights, exactly: at 10 places by largest remainder, ties by name.

    The parts sum to the amount. Weights must not sum to zero.
    """
    step = min(SPLIT_STEP, Decimal(1).scaleb(int(amount.as_tuple().exponent)))
    units, weight = int(EXACT.divide(amount, step)), total(weights)
    scale = 10 ** max(0, *(-int(w.as_tuple().exponent) for w in weights))
    whole = [int(EXACT.multiply(w, Decimal(scale))) for w in weights]
    parts = [divmod(units * w, int(EXACT.multiply(weight, Decimal(scale)))) for w in whole]
    left = units - sum(quotient for quotient, _ in parts)
    ranked = sorted(range(len(parts)), key=lambda i: (-parts[i][1], names[i]))
    more = set(ranked[:left])
    return [EXACT.multiply(Decimal(q + (i in more)), step) for i, (q, _) in enumerate(parts)]


def in_proportion(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """What ``part`` of ``whole`` is of the amount: at 10 places, half up. ``whole`` must not be zero."""
    exact = Fraction(amount) * Fraction(part) / Fraction(whole)
    return EXACT.multiply(Decimal((exact / Fraction(SPLIT_STEP) + Fraction(1, 2)).__floor__()), SPLIT_STEP)
