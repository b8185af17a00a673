"""The five KPIs of orders, per subject and window, straight from their definitions."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from dataclasses import dataclass, field, replace
from fractions import Fraction

from tests.oracle import numbers, periods
from tests.oracle.directory import Directory
from tests.oracle.history import Book, Credit, CreditNote, Order
from tests.oracle.periods import Window

SUBJECT_KINDS = ("rep", "team", "manager", "territory", "rep_territory", "company")
KPIS = ("sales_amount", "order_count", "customer_count", "orders_per_customer", "sales_growth")
COMPANY = "company"
NOTHING = Fraction(0)


@dataclass
class Facts:
    """What counts for one subject: amounts and orders, each with its day, sorted by day."""

    money: list[tuple[dt.date, Fraction]] = field(default_factory=list)
    orders: list[tuple[dt.date, str, str | None]] = field(default_factory=list)

    def sales_amount(self, window: Window) -> Fraction:
        return sum((amount for _, amount in _within(self.money, window)), NOTHING)

    def order_count(self, window: Window) -> int:
        return len({order for _, order, _ in _within(self.orders, window)})

    def customer_count(self, window: Window) -> int:
        return len({customer for _, _, customer in _within(self.orders, window) if customer is not None})

    def orders_per_customer(self, window: Window) -> Fraction | None:
        """Orders without a customer are left out of both; nothing over nothing is nothing."""
        orders = {order for _, order, customer in _within(self.orders, window) if customer is not None}
        return Fraction(len(orders), self.customer_count(window)) if orders else None

    def sales_growth(self, window: Window, prior: Window) -> Fraction | None:
        """(current - prior) / |prior|; nothing when prior is 0."""
        now, then = self.sales_amount(window), self.sales_amount(prior)
        return (now - then) / abs(then) if then else None

    def concerns(self, kpi: str, window: Window) -> bool:
        """Does anything that the KPI counts fall into the window? Only then must an answer list the subject unasked."""
        if kpi in ("sales_amount", "sales_growth"):
            return bool(_within(self.money, window))
        orders = _within(self.orders, window)
        return bool(orders) if kpi == "order_count" else any(customer is not None for _, _, customer in orders)


def collect(book: Book, directory: Directory, credited_only: bool = False) -> dict[tuple[str, str], Facts]:
    """The facts of every subject, by (kind, subject); ``credited_only`` leaves out orders without a rep."""
    facts: dict[tuple[str, str], Facts] = {}
    for order in book.orders:
        if credited_only and not order.credits:
            continue
        for subject in shares(order, order.amount, order.credits, directory):
            facts.setdefault(subject, Facts()).orders.append((order.day, order.order_id, order.customer))
        if order.order_id in book.unvalued:
            continue
        for subject, amount in shares(order, order.amount, order.credits, directory).items():
            facts.setdefault(subject, Facts()).money.append((order.day, amount))
        for refund in (refund for refund in order.refunds if refund.amount):
            for subject, amount in shares(order, refund.amount, refund.credits, directory).items():
                facts.setdefault(subject, Facts()).money.append((refund.day, -amount))
    for note in book.credit_notes:
        if credited_only and not note.credits:
            continue
        for subject, amount in shares(note, note.amount, note.credits, directory).items():
            facts.setdefault(subject, Facts()).money.append((note.day, -amount))
    for found in facts.values():
        found.money.sort(key=lambda entry: entry[0])
        found.orders.sort(key=lambda entry: entry[0])
    return facts


def seen_by(manager: str, book: Book, directory: Directory) -> Book:
    """The book cut to the credits that a manager may see: dated while the rep was below them, and their own."""

    def cut(order: Order, credits: list[Credit]) -> list[Credit]:
        return [credit for credit in credits if manager in directory.managing(credit.rep, order.day)]

    orders = [
        replace(
            order,
            credits=cut(order, order.credits),
            refunds=[replace(refund, credits=cut(order, refund.credits)) for refund in order.refunds],
        )
        for order in book.orders
    ]
    notes = [
        replace(
            note, credits=[credit for credit in note.credits if manager in directory.managing(credit.rep, note.day)]
        )
        for note in book.credit_notes
    ]
    return replace(
        book,
        orders=[order for order in orders if order.credits],
        credit_notes=[note for note in notes if note.credits],
    )


def shares(
    order: Order | CreditNote, amount: Fraction, credits: list[Credit], directory: Directory
) -> dict[tuple[str, str], Fraction]:
    """How much of an amount each subject gets. Places are those of the order's day, also for a refund of it."""
    got: dict[tuple[str, str], Fraction] = {("company", COMPANY): amount}
    if order.territory is not None:
        got["territory", order.territory] = amount
    for credit in credits:
        if not credit.overlay:
            for subject in places(credit.rep, order.day, directory):
                got[subject] = got.get(subject, NOTHING) + credit.amount
    return got


def places(rep: str, day: dt.date, directory: Directory) -> set[tuple[str, str]]:
    """The subjects that a rep's credit counts for on a day: the rep, their managers, teams and assigned territory.

    A manager is who ever had a report: their own sales are in their roll-up at any time.
    """
    found = {("rep", rep)}
    found |= {("manager", manager) for manager in directory.managing(rep, day) & directory.managers}
    found |= {("team", team) for team in directory.of("team", rep, day)}
    return found | {("rep_territory", territory) for territory in directory.of("territory", rep, day)}


def value(kpi: str, facts: Facts, window: Window, grain: str | None) -> str | None:
    """A KPI as it is written: money and counts in full, ratios at six places half up, None over nothing."""
    match kpi:
        case "sales_amount":
            return numbers.plain(facts.sales_amount(window))
        case "order_count":
            return str(facts.order_count(window))
        case "customer_count":
            return str(facts.customer_count(window))
        case "orders_per_customer":
            return numbers.ratio(facts.orders_per_customer(window))
        case "sales_growth":
            return numbers.ratio(facts.sales_growth(window, periods.before(grain, window)))
    raise ValueError(kpi)


def _within(entries: list, window: Window) -> list:  # type: ignore[type-arg]
    first, end = (bisect_left(entries, day, key=lambda entry: entry[0]) for day in window)
    return entries[first:end]
