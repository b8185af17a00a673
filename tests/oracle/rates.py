"""What a book is worth in the reporting currency, by a dated table of rates.

An order and its refunds are worth what they are on the order's day, a credit note on its own. Before a currency's first
rate nobody knows: an order counts without its money, a note takes nothing away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from tests.oracle.history import Book, Credit, Order


class Rates:
    """Dated rates: dicts {currency, valid_from, rate}; of one currency and day the last one given counts."""

    def __init__(self, reporting: str, items: Iterable[dict[str, Any]]) -> None:
        self.reporting = reporting
        self.decided = {(i["currency"], dt.date.fromisoformat(i["valid_from"])): Fraction(i["rate"]) for i in items}

    def on(self, currency: str, day: dt.date) -> Fraction | None:
        """The rate that began last; the reporting currency is worth itself."""
        if currency == self.reporting:
            return Fraction(1)
        begun = [since for of, since in self.decided if of == currency and since <= day]
        return self.decided[currency, max(begun)] if begun else None


def valued(book: Book, rates: Rates) -> Book:
    """The same book in the reporting currency."""
    worth = {order.order_id: rates.on(order.currency, order.day) for order in book.orders}
    notes = [(note, rates.on(note.currency, note.day)) for note in book.credit_notes]
    return replace(
        book,
        orders=[_order(order, worth[order.order_id] or Fraction(0)) for order in book.orders],
        credit_notes=[
            replace(note, amount=note.amount * rate, credits=_credits(note.credits, rate))
            for note, rate in notes
            if rate
        ],
        unvalued=frozenset(order_id for order_id, rate in worth.items() if rate is None),
    )


def _order(order: Order, rate: Fraction) -> Order:
    refunds = [replace(r, amount=r.amount * rate, credits=_credits(r.credits, rate)) for r in order.refunds]
    return replace(order, amount=order.amount * rate, credits=_credits(order.credits, rate), refunds=refunds)


def _credits(credits: list[Credit], rate: Fraction) -> list[Credit]:
    return [replace(credit, amount=credit.amount * rate) for credit in credits]
