"""From the numbers of measures to the value of a KPI: exact, with a reason where there is none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from decimal import Context, Decimal
from fractions import Fraction
from math import lcm

from msgspec import Struct

from services.kpi.domain import expressions
from services.kpi.domain.measures import Average, Derived, Growth, Leaf, Measure, Ratio, Term
from services.kpi.domain.periods import BadPeriod, Window, preceding, year_before

PLACES = 6
_WIDE = Context(prec=10_000)  # far more digits than the widest product of sums that a definition may say
NO_FACTS = "no facts"
NOT_BEGUN = "the period has not begun"
NOTHING_TO_DIVIDE_BY = "nothing to divide by"
NO_PRIOR = "the period before is zero"
COMPARED_WITH_ZERO = "compared with zero"
Read = Callable[[Measure, Window], Decimal | None]
"""A measure's number over a window that is cut at its as-of day; None where no fact has one."""


class Value(Struct, frozen=True, gc=False):
    """A value as it is shown, and what it is made of: compare numerators and denominators, never rounded text.

    ``text``: exact for sums, counts and arithmetic without a division, at 6 places half away from zero for the
    others; None with a ``null_reason``.
    """

    text: str | None
    numerator: Decimal | None
    denominator: Decimal | None = None
    null_reason: str | None = None

    @property
    def exact(self) -> Fraction | None:
        """The value itself; None where there is none."""
        if self.text is None or self.numerator is None:
            return None
        over = Fraction(self.numerator)
        return over if self.denominator is None else over / Fraction(self.denominator)


def readings(term: Term, window: Window, as_of: dt.date) -> Iterator[tuple[Measure, Window]]:
    """What must be read for a value: measures over windows that are cut at the as-of day."""
    for _, measure, over in leaves(term, window):
        yield measure, over.cut(as_of)


def leaves(term: Term, window: Window, name: str = "value") -> Iterator[tuple[str, Measure, Window]]:
    """The measures of a value, each over its window and by its name: ``numerator``, ``sales_growth/prior`` ..."""
    match term:
        case Leaf(measure):
            yield name, measure, window
        case Average(total, count):
            yield from ((name, total, window), (f"{name}/count", count, window))
        case Ratio(numerator, denominator):
            yield from leaves(numerator, window, _below(name, "numerator"))
            yield from leaves(denominator, window, _below(name, "denominator"))
        case Derived(_, parts):
            for key, part in parts.items():
                yield from leaves(part, window, _below(name, key))
        case Growth(of):
            yield from leaves(of, window, _below(name, "current"))
            if before := compared(term, window):
                yield from leaves(of, before, _below(name, "prior"))


def _below(name: str, part: str) -> str:
    return part if name == "value" else f"{name}/{part}"


def compared(term: Growth, window: Window) -> Window | None:
    """The window that growth looks back to, not cut; None at the beginning of time."""
    try:
        return preceding(window) if term.compare == "previous_period" else year_before(window)
    except BadPeriod:
        return None


def value_of(term: Term, window: Window, as_of: dt.date, read: Read) -> Value:
    """The value of a KPI over a window as of a day."""
    match term:
        case Leaf(measure):
            return _number(measure, window.cut(as_of), read)
        case Average(total, count):
            return _ratio(_number(total, window.cut(as_of), read), _number(count, window.cut(as_of), read), NO_FACTS)
        case Ratio(numerator, denominator):
            over, under = value_of(numerator, window, as_of, read), value_of(denominator, window, as_of, read)
            return _ratio(over, under, NOTHING_TO_DIVIDE_BY)
        case Derived():
            return _derived(term, window, as_of, read)
    before = compared(term, window)
    if before is None:
        return Value(None, None, None, NO_PRIOR)
    return _growth(value_of(term.of, window, as_of, read), value_of(term.of, before, as_of, read))


def attainment(actual: Value, target: Decimal) -> Value:
    """How much of a target is reached."""
    return _ratio(actual, Value(plain(target), target), "the target is zero")


class Change(Struct, frozen=True, gc=False):
    """What a value is compared with, and the difference; ``relative`` is a part of it: 0.5 is 50 % more.

    ``null_reason``: why one of the three is none.
    """

    before: Value | None
    change: str | None
    relative: str | None
    null_reason: str | None = None


def change(now: Value, before: Value | None) -> Change:
    """From the value before to the one now: exact where the decimals end, a part at 6 places half away from zero."""
    current, prior = now.exact, before.exact if before else None
    if current is None or prior is None:
        return Change(before, None, None, (before.null_reason if before else None) or now.null_reason)
    if not prior:
        return Change(before, shown(current - prior), None, COMPARED_WITH_ZERO)
    return Change(before, shown(current - prior), rounded((current - prior) / abs(prior)))


def plain(number: Decimal) -> str:
    """Exact, without an exponent and without trailing zeros; zero is ``0``."""
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def shown(number: Fraction) -> str:
    """Exact where the decimals end, else at 6 places half away from zero."""
    rest = number.denominator
    for factor in (2, 5):
        while rest % factor == 0:
            rest //= factor
    return plain(_WIDE.divide(Decimal(number.numerator), Decimal(number.denominator))) if rest == 1 else rounded(number)


def rounded(number: Fraction) -> str:
    """At 6 places, half away from zero."""
    return _quotient(Decimal(number.numerator), Decimal(number.denominator))


def _quotient(over: Decimal, under: Decimal) -> str:
    """At 6 places, half away from zero: twice as many millionths, and one more, halved."""
    size, by = over.copy_abs(), under.copy_abs()
    millionths = int(_WIDE.divide_int(_WIDE.fma(size, 2 * 10**PLACES, by), _WIDE.add(by, by)))
    sign = "-" if millionths and over.is_signed() != under.is_signed() else ""
    return f"{sign}{millionths // 10**PLACES}.{millionths % 10**PLACES:0{PLACES}d}"


def _number(measure: Measure, window: Window, read: Read) -> Value:
    if measure.until is not None and window.empty:
        return Value(None, None, None, NOT_BEGUN)
    number = read(measure, window)
    return Value(None, None, None, NO_FACTS) if number is None else Value(plain(number), number)


def _ratio(over: Value, under: Value, over_nothing: str) -> Value:
    if (pair := _beside(over, under)) is None:
        return Value(None, None, None, over.null_reason or under.null_reason)
    return Value(_quotient(*pair), *pair) if pair[1] else Value(None, *pair, over_nothing)


def _growth(now: Value, before: Value) -> Value:
    if (pair := _beside(now, before)) is None:
        return Value(None, None, None, now.null_reason or before.null_reason)
    more, prior = _WIDE.subtract(*pair), pair[1].copy_abs()
    return Value(_quotient(more, prior), more, prior) if prior else Value(None, more, prior, NO_PRIOR)


def _beside(one: Value, other: Value) -> tuple[Decimal, Decimal] | None:
    """Two values as decimals of the same proportion: what was counted as it was counted; None where one is none."""
    if one.text is None or one.numerator is None or other.text is None or other.numerator is None:
        return None
    if one.denominator is None and other.denominator is None:
        return one.numerator, other.numerator
    return _pair(one.exact or Fraction(0), other.exact or Fraction(0))


def _derived(term: Derived, window: Window, as_of: dt.date, read: Read) -> Value:
    known: dict[str, Fraction] = {}
    for key, part in term.parts.items():
        value = value_of(part, window, as_of, read)
        if value.exact is None:
            return Value(None, None, None, f"{key} has no value: {value.null_reason}")
        known[key] = value.exact
    try:
        number = expressions.calculate(term.expression, known)
    except ZeroDivisionError:
        return Value(None, None, None, NOTHING_TO_DIVIDE_BY)
    if _whole(term):
        return Value(plain(_decimal(number)), _decimal(number))
    return Value(rounded(number), *_pair(Fraction(number.numerator), Fraction(number.denominator)))


def _whole(term: Term) -> bool:
    """Whether a value is a decimal by the kind of its KPI, so that it is shown exactly."""
    match term:
        case Leaf():
            return True
        case Derived(expression, parts):
            return not expressions.divides(expression) and all(_whole(part) for part in parts.values())
    return False


def _pair(over: Fraction, under: Fraction) -> tuple[Decimal, Decimal]:
    """Two numbers as decimals of the same proportion: themselves where both are decimals, else whole multiples."""
    scale = lcm(_beside_ten(over.denominator), _beside_ten(under.denominator))
    return _decimal(over * scale), _decimal(under * scale)


def _beside_ten(number: int) -> int:
    for prime in (2, 5):
        while number % prime == 0:
            number //= prime
    return number


def _decimal(number: Fraction) -> Decimal:
    return _WIDE.divide(Decimal(number.numerator), Decimal(number.denominator)).normalize(_WIDE)
