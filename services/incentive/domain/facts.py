"""What pay is decided from: credits, targets, payee parameters, and who someone was on a day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from fractions import Fraction

from services.incentive.domain.windows import Days


@dataclass(frozen=True, slots=True, order=True)
class Cause:
    """An event that stands in the log."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Told:
    """What a credit was before it was converted, and by which rate."""

    currency: str
    amount: Fraction
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Credit:
    """A payee's part of an order. ``amount`` is what is left after refunds, ``gross`` what was credited before any.

    ``day`` is the anchor day. ``credit_id`` is unique within the order and the same whatever order events arrive in.
    ``rate``: what a unit of another currency than the reporting one is worth in that on the day, None while nobody
    knows. What was converted says what it was ``told`` as.
    """

    order_id: str
    credit_id: str
    payee_id: str
    day: dt.date
    currency: str
    amount: Fraction
    gross: Fraction
    overlay: bool
    cancelled: bool
    causes: tuple[Cause, ...]
    rate: Fraction | None = None
    told: Told | None = None

    @property
    def place(self) -> tuple[dt.date, str, str]:
        """The order in which credits walk."""
        return self.day, self.order_id, self.credit_id

    @property
    def stands(self) -> bool:
        """Whether it still earns: neither cancelled nor refunded in full."""
        return not self.cancelled and (self.amount > 0 or self.gross == 0)


@dataclass(frozen=True, slots=True)
class Target:
    """What is expected of the payee over exactly these days, in its newest version."""

    target_id: str
    kpi: str
    window: Days
    currency: str | None
    value: Fraction
    version: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A dated value of a payee: of those that hold on a day, the one that began last counts."""

    name: str
    value: Fraction
    valid_from: dt.date
    valid_to: dt.date | None
    version: int

    def holds_on(self, day: dt.date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Payee:
    """Who someone is to plans: roles as of now, teams as dated."""

    payee_id: str
    roles: frozenset[str] = frozenset()
    teams: tuple[tuple[str, Days], ...] = ()

    def teams_on(self, day: dt.date) -> frozenset[str]:
        return frozenset(team for team, days in self.teams if day in days)


@dataclass(frozen=True, slots=True)
class Account:
    """Everything that decides one payee's pay besides the credits and the plans.

    ``currency``: the reporting currency, which rates lead into; None: nothing is converted.
    """

    payee: Payee
    targets: tuple[Target, ...] = ()
    parameters: tuple[Parameter, ...] = field(default=())
    currency: str | None = None

    def target(self, kpi: str | None, window: Days, currency: str) -> Target | None:
        """The target over exactly this window in this currency (or in none); a target of zero is none."""
        found = [
            t
            for t in self.targets
            if t.kpi == kpi and t.window == window and t.currency in (currency, None) and t.value
        ]
        return found[0] if found else None

    def target_windows(self, kpi: str | None) -> list[Days]:
        return [t.window for t in self.targets if t.kpi == kpi]

    def parameter(self, name: str, day: dt.date) -> Parameter | None:
        holding = [p for p in self.parameters if p.name == name and p.holds_on(day)]
        return max(holding, key=lambda p: p.valid_from, default=None)
