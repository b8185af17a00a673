"""Exact numbers, and how they are written: money and counts in full, ratios at six places half up."""

from __future__ import annotations

from fractions import Fraction

RATIO_PLACES = 6
CENT = Fraction(1, 100)


def half_up(number: Fraction, step: Fraction) -> Fraction:
    """The nearest multiple of ``step``; a half goes away from zero."""
    steps = abs(number) / step
    nearest = (2 * steps.numerator + steps.denominator) // (2 * steps.denominator)
    return nearest * step if number >= 0 else -nearest * step


def fixed(number: Fraction, places: int) -> str:
    """A number that has at most ``places`` decimals, written with exactly so many. Raises ValueError if it has more."""
    units = number * 10**places
    if units.denominator != 1:
        raise ValueError(f"{number} has more than {places} decimals")
    digits = str(abs(units.numerator)).rjust(places + 1, "0")
    sign = "-" if number < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)


def ratio(number: Fraction | None) -> str | None:
    """A ratio at six places, half up; nothing stays nothing."""
    return None if number is None else fixed(half_up(number, Fraction(1, 10**RATIO_PLACES)), RATIO_PLACES)


def plain(number: Fraction) -> str:
    """An exact decimal without exponent or trailing zeros. Raises ValueError for a number like 1/3."""
    places, rest = 0, number.denominator
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest = rest // 10 if rest % 10 == 0 else rest // (5 if rest % 5 == 0 else 2)
        places += 1
    if rest != 1:
        raise ValueError(f"{number} is no finite decimal")
    text = fixed(number, places)
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def cents(number: Fraction) -> str:
    """Money rounded to the cent, half up, with two decimals."""
    return fixed(half_up(number, CENT), 2)
