"""Dated rates: what an amount is worth in the reporting currency on a day."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from contracts.splits import EXACT

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of ``currency`` is ``value`` of the reporting currency from ``valid_from`` until its next rate."""

    currency: str
    valid_from: dt.date
    value: Decimal


class Rates:
    """All rates of an installation. The reporting currency is worth itself, always."""

    def __init__(self, reporting_currency: str, rates: Iterable[Rate] = ()) -> None:
        self.reporting_currency = reporting_currency
        self._tables: dict[str, tuple[list[dt.date], list[Decimal]]] = {}
        for rate in sorted(rates, key=lambda r: (r.currency, r.valid_from)):
            days, values = self._tables.setdefault(rate.currency, ([], []))
            days.append(rate.valid_from)
            values.append(rate.value)

    def on(self, currency: str, day: dt.date) -> Decimal | None:
        """The rate of a local day; None before the currency's first rate."""
        if currency == self.reporting_currency:
            return ONE
        days, values = self._tables.get(currency, ([], []))
        place = bisect_right(days, day)
        return values[place - 1] if place else None

    def convert(self, amount: Decimal, currency: str, day: dt.date) -> Decimal | None:
        """An amount in the reporting currency, exact and unrounded; None without a rate."""
        if currency == self.reporting_currency:
            return amount
        rate = self.on(currency, day)
        return None if rate is None else EXACT.multiply(amount, rate)
