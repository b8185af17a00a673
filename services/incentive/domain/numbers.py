"""Exact numbers: read, shown and rounded; no float anywhere."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from contracts.currencies import MINOR_DIGITS

USUAL_EXPONENT = 2


def exponent_of(currency: str) -> int:
    """How many decimal places the currency's smallest unit has."""
    return MINOR_DIGITS.get(currency, USUAL_EXPONENT)


def show(value: Fraction) -> str:
    """Exactly, as text that ``Fraction`` reads: a plain decimal where there is one, else ``numerator/denominator``."""
    numerator, denominator = value.as_integer_ratio()
    places = _places(denominator)
    if places is None:
        return f"{numerator}/{denominator}"
    return _point(numerator * 10**places // denominator, places)


@lru_cache(maxsize=1024)
def _places(denominator: int) -> int | None:
    """How many decimal places a fraction in lowest terms with this denominator takes; None: no number of them."""
    twos = fives = 0
    rest = denominator
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives) if rest == 1 else None


def round_minor(value: Fraction, exponent: int) -> int:
    """To whole minor units, half away from zero."""
    numerator, denominator = value.as_integer_ratio()
    minor: int = (2 * abs(numerator) * 10**exponent + denominator) // (2 * denominator)
    return minor if numerator >= 0 else -minor


def show_minor(minor: int, currency: str) -> str:
    """Minor units as a decimal string with all of the currency's places: 204493 USD → ``2044.93``."""
    return _point(minor, exponent_of(currency))


def _point(scaled: int, places: int) -> str:
    sign, digits = "-" if scaled < 0 else "", str(abs(scaled)).rjust(places + 1, "0")
    return f"{sign}{digits[:-places]}.{digits[-places:]}" if places else sign + digits
