"""The derivation of a line as data, and its replay: from the trace alone to the same amount."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction

from services.incentive.domain.bands import Band, Mode, Piece, earning, pieces
from services.incentive.domain.facts import Cause, Credit, Parameter, Target
from services.incentive.domain.numbers import round_minor, show
from services.incentive.domain.plans import Kind, OnReversal, Round


@dataclass(frozen=True, slots=True)
class ToldShown:
    """What a credit was before it was converted: ``amount`` in ``currency``, times ``rate``."""

    currency: str
    amount: str
    rate: str


@dataclass(frozen=True, slots=True)
class CreditShown:
    """The credit that earns; amounts exact, in the line's currency."""

    order_id: str
    credit_id: str
    day: dt.date
    amount: str
    gross: str
    overlay: bool
    told: ToldShown | None = None


@dataclass(frozen=True, slots=True)
class TargetShown:
    """The target that attainment was measured on."""

    target_id: str
    kpi: str
    value: str
    version: int


@dataclass(frozen=True, slots=True)
class ParameterShown:
    """A payee parameter as of the credit's day; no ``value`` where the payee had none."""

    name: str
    value: str | None
    valid_from: dt.date | None = None
    valid_to: dt.date | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class BandShown:
    """A band in units of the measure; one rate per era."""

    lower: str
    upper: str | None
    upper_inclusive: bool
    mode: Mode
    flat: str
    rates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PieceShown:
    """A step of the walk: portion × rate, or a flat amount on entry."""

    band: int
    portion: str
    rate: str
    flat: str
    earning: str


@dataclass(frozen=True, slots=True)
class AwardShown:
    """A bonus: ``amount`` once the measure reaches ``threshold`` = at × target."""

    amount: str
    at: str
    threshold: str
    on_reversal: OnReversal


@dataclass(frozen=True, slots=True)
class Given:
    """What a line follows from. Measures and earnings are exact decimals or fractions, in the line's currency.

    ``measure_*``: the payee's credits of the window before and after this one; ``first``: nothing walked before it.
    ``earned_before``: what those before earn, exactly. ``era_starts``: the measure from which each rate column holds.
    """

    kind: Kind
    plan: str
    plan_version: int
    component: str
    payee_id: str
    window_from: dt.date
    window_to: dt.date
    currency: str
    exponent: int
    round: Round
    credit: CreditShown
    causes: tuple[Cause, ...]
    target: TargetShown | None
    parameters: tuple[ParameterShown, ...]
    first: bool
    measure_before: str
    measure_after: str
    earned_before: str = "0"
    era_starts: tuple[str, ...] = ()
    bands: tuple[BandShown, ...] = ()
    award: AwardShown | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """The derivation of a line: what it follows from, the steps, and the amount. Rounded figures are minor units."""

    given: Given
    walk_before: tuple[PieceShown, ...]
    walk_after: tuple[PieceShown, ...]
    earned_after: str
    rounded_before: int
    rounded_after: int
    line: int


def replay(trace: Trace) -> int:
    """The line's amount in minor units, worked out again from what is given in the trace and nothing else."""
    given = trace.given
    before, after = Fraction(given.measure_before), Fraction(given.measure_after)
    if given.award is not None:
        reached = before < Fraction(given.award.threshold) <= after
        return round_minor(Fraction(given.award.amount), given.exponent) if reached else 0
    table, starts = [_band(shown) for shown in given.bands], [Fraction(start) for start in given.era_starts]
    step = earning(pieces(table, starts, after)) - (earning(pieces(table, starts, before)) if not given.first else 0)
    earned = Fraction(given.earned_before)
    return line_minor(earned, earned + step, given.exponent, given.round)


def line_minor(earned_before: Fraction, earned_after: Fraction, exponent: int, how: Round) -> int:
    """The rounding step: the difference of two rounded totals, or the rounded difference."""
    if how == "each_line":
        return round_minor(earned_after - earned_before, exponent)
    return round_minor(earned_after, exponent) - round_minor(earned_before, exponent)


def show_credit(credit: Credit) -> CreditShown:
    """A credit as the trace has it."""
    return CreditShown(
        credit.order_id,
        credit.credit_id,
        credit.day,
        show(credit.amount),
        show(credit.gross),
        credit.overlay,
        ToldShown(credit.told.currency, show(credit.told.amount), show(credit.told.rate)) if credit.told else None,
    )


def show_target(target: Target | None) -> TargetShown | None:
    """A target as the trace has it."""
    return TargetShown(target.target_id, target.kpi, show(target.value), target.version) if target else None


def show_parameter(name: str, found: Parameter | None) -> ParameterShown:
    """A payee parameter as the trace has it; ``found`` None: the payee had no value."""
    if found is None:
        return ParameterShown(name, None)
    return ParameterShown(name, show(found.value), found.valid_from, found.valid_to, found.version)


def show_band(band: Band) -> BandShown:
    """A band as the trace has it."""
    return BandShown(
        show(band.lower),
        None if band.upper is None else show(band.upper),
        band.upper_inclusive,
        band.mode,
        show(band.flat),
        tuple(map(show, band.rates)),
    )


def show_piece(piece: Piece) -> PieceShown:
    """A step as the trace has it."""
    return PieceShown(piece.band, show(piece.portion), show(piece.rate), show(piece.flat), show(piece.earning))


def _band(shown: BandShown) -> Band:
    return Band(
        Fraction(shown.lower),
        None if shown.upper is None else Fraction(shown.upper),
        shown.upper_inclusive,
        shown.mode,
        Fraction(shown.flat),
        tuple(map(Fraction, shown.rates)),
    )
