"""From the numbers of measures to the value of a KPI: exact, with a reason where there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Context, Decimal
from fractions import Fraction

from services.kpi.domain.definitions import Definition

PLACES = 6
_WIDE = Context(prec=60)  # a sum of amounts has fewer digits
NOTHING_TO_DIVIDE_BY = "nothing to divide by"
NO_PRIOR = "the period before is zero"


@dataclass(frozen=True, slots=True)
class Value:
    """A value as it is shown, and what it is made of: compare numerators and denominators, never rounded text.

    ``text``: exact for sums and counts, at 6 places half away from zero for ratios; None with a ``null_reason``.
    """

    text: str | None
    numerator: Decimal
    denominator: Decimal | None = None
    null_reason: str | None = None


def value_of(definition: Definition, current: Sequence[Decimal], prior: Sequence[Decimal] = ()) -> Value:
    """The value from the definition's measures, over the window and (growth only) over the period before it."""
    match definition.kind:
        case "simple":
            return Value(plain(current[0]), current[0])
        case "ratio":
            return _ratio(current[0], current[1], NOTHING_TO_DIVIDE_BY)
    now, before = _base(current), _base(prior)
    if now is None or before is None:
        return Value(None, Decimal(0), None, NOTHING_TO_DIVIDE_BY)
    change, size = now - before, abs(before)
    if not size:
        return Value(None, _exact(change), Decimal(0), NO_PRIOR)
    return Value(rounded(change / size), _exact(change), _exact(size))


def attainment(actual: Decimal, target: Decimal) -> Value:
    """How much of a target is reached."""
    return _ratio(actual, target, "the target is zero")


def plain(number: Decimal) -> str:
    """Exact, without an exponent and without trailing zeros; zero is ``0``."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def rounded(number: Fraction) -> str:
    """At 6 places, half away from zero."""
    scaled = (abs(number) * 10**PLACES + Fraction(1, 2)).__floor__()
    sign = "-" if number < 0 and scaled else ""
    return f"{sign}{scaled // 10**PLACES}.{scaled % 10**PLACES:0{PLACES}d}"


def _ratio(numerator: Decimal, denominator: Decimal, null_reason: str) -> Value:
    if not denominator:
        return Value(None, numerator, denominator, null_reason)
    return Value(rounded(Fraction(numerator) / Fraction(denominator)), numerator, denominator)


def _base(numbers: Sequence[Decimal]) -> Fraction | None:
    if len(numbers) == 1:
        return Fraction(numbers[0])
    return Fraction(numbers[0]) / Fraction(numbers[1]) if numbers[1] else None


def _exact(number: Fraction) -> Decimal:
    """A sum's fraction back as the decimal that it was; of a grown ratio the nearest (shown, never compared)."""
    return _WIDE.divide(Decimal(number.numerator), Decimal(number.denominator))
