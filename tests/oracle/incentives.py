"""What each payee earns: credits walked in one order through a component's rule, window by window.

Rounding: a line is round(cumulative exact earning after the credit) - round(the same before it), half up to the
cent, so that the lines of a window add up to the window's exact figure rounded once. A refund re-rates the window of
the order that it takes back: the credit walks with what is left of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from tests.oracle.history import Book
from tests.oracle.numbers import CENT, half_up
from tests.oracle.periods import Window

NOTHING = Fraction(0)


@dataclass(frozen=True)
class Band:
    """A tier of attainment up to ``up_to`` (None: without end); ``rate`` is a factor of the payee's own rate."""

    up_to: Fraction | None
    rate: Fraction


@dataclass(frozen=True)
class Component:
    """One rule of a plan. ``kind``: flat, marginal, whole_amount or bonus. ``parameter``: the payee's rate or bonus.

    ``credits`` counts all credits, or only direct ones, or only overlay ones: for earning and for attainment alike.
    ``lower_inclusive`` says, for whole_amount, that a bound belongs to the band above it.
    """

    plan: str
    key: str
    kind: str
    parameter: str
    bands: tuple[Band, ...] = ()
    lower_inclusive: bool = True
    credits: str = "all"

    def counts(self, credit: WalkedCredit) -> bool:
        return self.credits == "all" or credit.overlay == (self.credits == "overlay")


@dataclass(frozen=True)
class WalkedCredit:
    """A credit as it walks: what is left of it after refunds."""

    payee: str
    day: dt.date
    order_id: str
    number: int
    amount: Fraction
    overlay: bool


@dataclass(frozen=True)
class Target:
    """An amount expected of a payee over [first, end)."""

    payee: str
    window: Window
    value: Fraction


@dataclass(frozen=True)
class Line:
    """What one credit (or, for a bonus, the window as a whole: ``order_id`` None) earned, in whole cents."""

    payee: str
    plan: str
    component: str
    window: Window
    order_id: str | None
    amount: Fraction


class Parameters:
    """Dated values per payee: dicts {payee_id, name, value, valid_from, valid_to}."""

    def __init__(self, items: Iterable[dict[str, Any]]) -> None:
        self._items = list(items)

    def of(self, payee: str, name: str, day: dt.date) -> Fraction:
        """The value on a day: of those that hold the one that began last, 0 when there is none."""
        holding = [
            (item["valid_from"], Fraction(item["value"]))
            for item in self._items
            if (item["payee_id"], item["name"]) == (payee, name)
            and item["valid_from"] <= day.isoformat()
            and (not item.get("valid_to") or day.isoformat() < item["valid_to"])
        ]
        return max(holding)[1] if holding else NOTHING


def targets(items: Iterable[dict[str, Any]]) -> list[Target]:
    """The sales targets of reps among targets as the API takes them."""
    return [
        Target(t["subject"], (dt.date.fromisoformat(t["from"]), dt.date.fromisoformat(t["to"])), Fraction(t["value"]))
        for t in items
        if t["kpi"] == "sales_amount" and t["subject_kind"] == "rep"
    ]


def credits(book: Book) -> list[WalkedCredit]:
    """All credits of the orders that stand, overlay included, net of refunds, in walking order."""
    found = []
    for order in book.orders:
        for number, credit in enumerate(order.credits):
            back = sum((r.credits[number].amount for r in order.refunds if r.credits), NOTHING)
            found.append(
                WalkedCredit(credit.rep, order.day, order.order_id, number, credit.amount - back, credit.overlay)
            )
    return sorted(found, key=lambda c: (c.day, c.order_id, c.number))


def lines(
    book: Book, items: Iterable[dict[str, Any]], parameters: Parameters, components: Iterable[Component]
) -> list[Line]:
    """Every line of every payee, component and target window."""
    walking = credits(book)
    found: list[Line] = []
    for component in components:
        for target in targets(items):
            first, end = target.window
            mine = [c for c in walking if c.payee == target.payee and first <= c.day < end]
            found += walk(component, target, [c for c in mine if component.counts(c)], parameters)
    return found


def walk(component: Component, target: Target, mine: list[WalkedCredit], parameters: Parameters) -> list[Line]:
    """One component over the credits of one payee's window."""

    def line(order_id: str | None, amount: Fraction) -> Line:
        return Line(target.payee, component.plan, component.key, target.window, order_id, amount)

    if component.kind == "bonus":
        measured = sum((c.amount for c in mine), NOTHING)
        bonus = parameters.of(target.payee, component.parameter, target.window[1] - dt.timedelta(days=1))
        return [line(None, half_up(bonus, CENT))] if measured >= target.value else []
    found, earned, measure = [], NOTHING, NOTHING
    for number, credit in enumerate(mine):
        reached = measure + credit.amount
        rate = parameters.of(target.payee, component.parameter, credit.day)
        after = earned
        match component.kind:
            case "flat":
                after = earned + rate * credit.amount
            case "marginal":
                after = earned + rate * in_bands(component.bands, target.value, measure, reached)
            case "whole_amount":
                band = band_of(component, reached / target.value)
                basis = [(parameters.of(c.payee, component.parameter, c.day), c.amount) for c in mine[: number + 1]]
                after = sum((r * band.rate * amount for r, amount in basis), NOTHING)
        found.append(line(credit.order_id, half_up(after, CENT) - half_up(earned, CENT)))
        earned, measure = after, reached
    return found


def in_bands(bands: tuple[Band, ...], target: Fraction, start: Fraction, end: Fraction) -> Fraction:
    """The part of [start, end) that lies in each band of attainment, times the band's rate."""
    total, floor = NOTHING, NOTHING
    for band in bands:
        ceiling = end if band.up_to is None else band.up_to * target
        total += band.rate * max(NOTHING, min(end, ceiling) - max(start, floor))
        floor = ceiling
    return total


def band_of(component: Component, attainment: Fraction) -> Band:
    """The band that an attainment falls in; a bound belongs to one side, as the component says."""
    for band in component.bands:
        if band.up_to is None or attainment < band.up_to:
            return band
        if attainment == band.up_to and not component.lower_inclusive:
            return band
    raise ValueError("the bands end below the attainment")


def nets(found: Iterable[Line]) -> dict[tuple[str, str, str, Window], Fraction]:
    """The sum of lines per (payee, plan, component, window); sums of zero are left out."""
    sums: dict[tuple[str, str, str, Window], Fraction] = {}
    for line in found:
        key = (line.payee, line.plan, line.component, line.window)
        sums[key] = sums.get(key, NOTHING) + line.amount
    return {key: amount for key, amount in sums.items() if amount}
