"""From a plan's tiers to bands of the measure: scaled by the target, gaps filled, rates valued per era."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from services.incentive.domain.bands import Band
from services.incentive.domain.formulas import Formula, evaluate
from services.incentive.domain.plans import Table, Tier

Values = Mapping[str, Fraction]
"""The values of payee parameters, and of the target, that hold in one era; what has none is absent."""


def bands_for(table: Table, scale: Fraction, eras: Sequence[Values]) -> list[Band]:
    """The bands that tile the measure from 0 on. ``scale`` is the target for attainment, 1 for amounts."""
    filled: list[Band] = []
    edge: Fraction | None = Fraction(0)
    for tier in table.tiers:
        lower = tier.lower * scale
        if edge is not None and lower > edge:
            if table.between_tiers == "next":
                lower = edge
            else:
                filled.append(_gap(table, filled, edge, lower, len(eras)))
        edge = None if tier.upper is None else tier.upper * scale
        filled.append(_band(table, tier, lower, edge, eras))
    if edge is not None:
        filled.append(_gap(table, filled, edge, None, len(eras)))
    return filled


def value(formula: Formula, values: Values) -> Fraction:
    """The formula's value; zero where a name has none (the plan has to say ``without_parameter: zero``)."""
    try:
        return evaluate(formula, values)
    except KeyError:
        return Fraction(0)


def _band(table: Table, tier: Tier, lower: Fraction, upper: Fraction | None, eras: Sequence[Values]) -> Band:
    rates = tuple(value(tier.rate, values) for values in eras)
    return Band(lower, upper, table.bounds != "lower_inclusive", tier.mode, tier.flat, rates)


def _gap(table: Table, before: Sequence[Band], lower: Fraction, upper: Fraction | None, eras: int) -> Band:
    """A declared gap pays zero: on its part after a marginal tier, on the whole after a whole-amount one."""
    mode = before[-1].mode if before else "whole_amount"
    return Band(lower, upper, table.bounds == "upper_inclusive", mode, Fraction(0), (Fraction(0),) * eras)
