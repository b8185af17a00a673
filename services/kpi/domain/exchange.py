"""Facts in the reporting currency: the money of each at the rate of the day that its kind is valued on.

What takes away is valued as what it takes away from: a refund on its order's day, the reversal of a payment on the
payment's (on its own while the order knows no such payment). Amounts stay exact and unrounded. Where a day has no rate
the money is unknown and the fact is there still, so that it counts and nothing is summed wrongly.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from msgspec import structs

from contracts.splits import EXACT
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.facts import Fact, PaymentFact

Place = tuple[str, dt.date]
"""A currency, and the local day whose rate into the reporting currency is needed."""
_NONE: frozenset[Place] = frozenset()


def currencies(facts: Iterable[Fact]) -> set[str | None]:
    """In which currencies facts were told, None for those without money. On every event's way, and so one flat pass."""
    return {getattr(fact, "currency", None) for fact in facts}


def places(facts: Sequence[Fact], reporting: str) -> frozenset[Place]:
    """Which rates an object's facts need; none where all of them are in the reporting currency, or of no money."""
    others = [fact for fact in facts if getattr(fact, "currency", None) not in (reporting, None)]
    return frozenset([_place(fact, facts) for fact in others]) if others else _NONE


def converted(facts: Sequence[Fact], reporting: str, rates: Mapping[Place, Decimal | None]) -> list[Fact]:
    """All of an object's facts with their money in the reporting currency; ``currency`` says the one it came in."""
    return [
        fact
        if getattr(fact, "currency", None) in (reporting, None)
        else _converted(fact, rates.get(_place(fact, facts)))
        for fact in facts
    ]


def _converted(fact: Fact, rate: Decimal | None) -> Fact:
    money = {name: value for name in FACT_KINDS[fact.kind].money if (value := getattr(fact, name)) is not None}
    return structs.replace(
        fact, **{name: None if rate is None else EXACT.multiply(value, rate) for name, value in money.items()}
    )


def _place(fact: Fact, facts: Sequence[Fact]) -> Place:
    if isinstance(fact, PaymentFact) and fact.entry_kind == "reversal":
        paid = [f for f in facts if isinstance(f, PaymentFact) and f.entry_kind == "payment"]
        return fact.currency, next((f.day for f in paid if f.payment_id == fact.payment_id), fact.day)
    days = [getattr(fact, column) for column in FACT_KINDS[fact.kind].valued_on]
    return fact.currency, next(day for day in days if day is not None)  # type: ignore[attr-defined]
