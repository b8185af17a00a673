"""Dated rates: what an amount is worth in the reporting currency on a day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Rate:
    """One unit of ``currency`` is ``value`` of the reporting currency from ``valid_from`` until its next rate."""

    currency: str
    valid_from: dt.date
    value: Decimal


@dataclass(frozen=True, slots=True)
class Changed:
    """The days of a currency that have another rate than before: ``[since, until)``."""

    currency: str
    since: dt.date
    until: dt.date


def changed_by(news: Iterable[Rate], in_force: Iterable[Rate]) -> list[Changed]:
    """The days that new rates hold on, now that they are among those in force; ranges that touch are one."""
    days: dict[str, list[dt.date]] = {}
    for rate in in_force:
        days.setdefault(rate.currency, []).append(rate.valid_from)
    found: list[Changed] = []
    for rate in sorted(news, key=lambda r: (r.currency, r.valid_from)):
        until = min((d for d in days[rate.currency] if d > rate.valid_from), default=dt.date.max)
        since = rate.valid_from
        if found and (found[-1].currency, found[-1].until) == (rate.currency, since):
            since = found.pop().since
        found.append(Changed(rate.currency, since, until))
    return found
