"""A plan that can work: what ``plan_reading`` makes of the document that a company wrote."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from services.incentive.domain.bands import BetweenTiers, Bounds, Mode
from services.incentive.domain.formulas import Formula

Kind = Literal["commission", "attainment_commission", "bonus"]
Round = Literal["cumulative", "each_line"]
Counted = Literal["all", "direct", "overlay"]
OtherCurrencies = Literal["convert", "leave_out"]
OnReversal = Literal["re-test", "keep"]


@dataclass(frozen=True, slots=True)
class PlanFault:
    """One thing that is wrong with a plan: where (JSON pointer), a stable code, a sentence for a person."""

    pointer: str
    code: str
    detail: str


class PlanRefused(Exception):
    """The plan cannot work; ``faults`` says why, each with its pointer."""

    def __init__(self, faults: list[PlanFault]) -> None:
        super().__init__("the plan cannot work as it is written")
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Windows:
    """How a component cuts time: calendar periods, listed boundaries, or the windows of the payee's own targets."""

    by: Literal["month", "quarter", "year", "boundaries", "targets"]
    boundaries: tuple[dt.date, ...] = ()
    kpi: str | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """From ``lower`` to ``upper`` (None = without end): money, or attainment (1 = the target)."""

    lower: Fraction
    upper: Fraction | None
    mode: Mode
    rate: Formula
    flat: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Table:
    """Tiers with the words that make them unambiguous. A flat rate is one tier without end."""

    tiers: tuple[Tier, ...]
    bounds: Bounds
    between_tiers: BetweenTiers


@dataclass(frozen=True, slots=True)
class Award:
    """A bonus: ``amount`` once attainment reaches ``at``."""

    amount: Formula
    at: Fraction
    on_reversal: OnReversal


@dataclass(frozen=True, slots=True)
class Component:
    """One earning rule. ``kpi`` names the targets that attainment is measured on.

    ``currency``: what it measures and pays in; None: each credit's own, or that of the target it is measured on.
    ``other_currencies``: what happens to other credits where that is the reporting currency.
    """

    key: str
    kind: Kind
    windows: Windows
    rule: Table | Award
    kpi: str | None
    currency: str | None
    credits: Counted
    round: Round
    other_currencies: OtherCurrencies = "convert"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whom a plan pays: everyone, or who has one of the roles, or is in one of the teams that day, or is named."""

    everyone: bool = False
    roles: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    people: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """A version of a plan: it holds for credits whose anchor day is in ``[valid_from, valid_to)``.

    From ``valid_from`` on it replaces every version before it.
    """

    key: str
    version: int
    valid_from: dt.date
    valid_to: dt.date | None
    assigned_to: Assignment
    components: tuple[Component, ...]

    def holds_on(self, day: dt.date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)
