"""Credits in the currency that a component measures and pays in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from services.incentive.domain.facts import Account, Credit, Told
from services.incentive.domain.plans import Component
from services.incentive.domain.windows import LAST_DAY, Days


def as_walked(component: Component, credit: Credit, window: Days, account: Account) -> Credit | None:
    """The credit as it walks under a component: as it is, or converted into the reporting currency at its day's rate.

    None: the component is in another currency that rates do not lead to or leaves others out, or there is no rate yet.
    Unlike currencies never meet in a walk.
    """
    currency = component.currency or _of_the_target(component, credit, window, account)
    if currency == credit.currency:
        return credit
    if currency != account.currency or component.other_currencies == "leave_out" or credit.rate is None:
        return None
    return replace(
        credit,
        currency=currency,
        amount=credit.amount * credit.rate,
        gross=credit.gross * credit.rate,
        told=Told(credit.currency, credit.amount, credit.rate),
    )


def _of_the_target(component: Component, credit: Credit, window: Days, account: Account) -> str:
    """The credit's own currency, unless attainment is measured on a target in the reporting currency alone."""
    own = component.kpi is None or account.target(component.kpi, window, credit.currency)
    if own or account.currency is None or not account.target(component.kpi, window, account.currency):
        return credit.currency
    return account.currency


def changed(before: Mapping[dt.date, Decimal], after: Mapping[dt.date, Decimal]) -> Days | None:
    """The days from the first to the last that have another rate, given the days that each rate holds from."""
    days = sorted({*before, *after})
    spans = [
        Days(since, until)
        for since, until in zip(days, [*days[1:], LAST_DAY], strict=True)
        if _held(before, since) != _held(after, since)
    ]
    return spans[0].hull(spans[-1]) if spans else None


def _held(rates: Mapping[dt.date, Decimal], day: dt.date) -> Decimal | None:
    begun = [since for since in rates if since <= day]
    return rates[max(begun)] if begun else None
