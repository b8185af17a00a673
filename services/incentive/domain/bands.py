"""What a measure earns in a table of bands, exactly; and the steps that led there.

The one rule for both modes: every piece of the measure earns the rate of the band it lies in, except that all that
lies below the highest ``whole_amount`` band reached earns that band's rate. A band's flat amount is earned on entry
(below the highest whole-amount band reached: not any more).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

Mode = Literal["marginal", "whole_amount"]
Bounds = Literal["lower_inclusive", "upper_inclusive", "both_inclusive"]
BetweenTiers = Literal["refuse", "zero", "next"]


@dataclass(frozen=True, slots=True)
class Band:
    """From ``lower`` to ``upper`` (None = without end) of the measure; the bands of a table tile it from 0 on.

    ``rates`` has one rate per era of the payee's parameters (just one where they do not change).
    """

    lower: Fraction
    upper: Fraction | None
    upper_inclusive: bool
    mode: Mode
    flat: Fraction
    rates: tuple[Fraction, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A step of the walk: this much of the measure in this band at this rate, or a band's flat amount."""

    band: int
    portion: Fraction
    rate: Fraction
    flat: Fraction
    earning: Fraction


def band_of(bands: Sequence[Band], measure: Fraction) -> int:
    """The index of the band that the measure has reached."""
    for index, band in enumerate(bands):
        if band.upper is None or measure < band.upper or (measure == band.upper and band.upper_inclusive):
            return index
    raise ValueError("the bands do not reach the measure")


def pieces(bands: Sequence[Band], era_starts: Sequence[Fraction], measure: Fraction) -> list[Piece]:
    """The walk from 0 to ``measure``; empty without bands (no target: nothing is earned).

    ``era_starts`` says from which measure on each era's rates hold; the first is 0.
    """
    if not bands:
        return []
    reached = band_of(bands, measure)
    whole = max((i for i in range(reached + 1) if bands[i].mode == "whole_amount"), default=None)
    found: list[Piece] = []
    for index in range(0 if whole is None else whole, reached + 1):
        band = bands[index]
        lower = Fraction(0) if index == whole else band.lower
        upper = measure if index == reached or band.upper is None else band.upper
        found += _portions(index, band, era_starts, lower, upper)
        if band.flat:
            found.append(Piece(index, Fraction(0), Fraction(0), band.flat, band.flat))
    return found


def earning(walked: Sequence[Piece]) -> Fraction:
    """What a walk earns, exactly and unrounded."""
    return sum((piece.earning for piece in walked), Fraction(0))


def _portions(index: int, band: Band, era_starts: Sequence[Fraction], lower: Fraction, upper: Fraction) -> list[Piece]:
    found = []
    for era, start in enumerate(era_starts):
        end = era_starts[era + 1] if era + 1 < len(era_starts) else upper
        portion = min(upper, end) - max(lower, start)
        if portion > 0:
            rate = band.rates[era]
            found.append(Piece(index, portion, rate, Fraction(0), portion * rate))
    return found
