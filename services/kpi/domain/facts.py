"""The facts of an order: what each of its credits, and each of its refunds, adds to a day."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal

from contracts.kpi import Reason
from contracts.orders import Order, OrderCredit
from contracts.sales import Attributes

REASONS: tuple[Reason, ...] = ("live", "import", "late", "correction", "recompute")
"""From the most ordinary: when several causes meet in one value, the last of them is told."""
LATE_AFTER = dt.timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Fact:
    """A row of the fact table. ``day`` is what counts, ``order_day`` decides membership; a refund's amount is negative.

    An order without credits is one fact with no rep. Overlay credits are no facts: they earn, outside of KPIs.
    """

    order_id: str
    entry: str
    line: int
    is_order: bool
    rep_id: str | None
    day: dt.date
    order_day: dt.date
    amount: Decimal
    customer_id: str | None
    territory: str | None
    currency: str
    attributes: Attributes


def facts_of(order: Order) -> list[Fact]:
    """All facts of an order; none while it waits or after it was cancelled. Amounts sum to amount less refunds."""
    if order.status != "standing":
        return []
    rows = _entry(order, "order", order.day, order.amount, order.credits, 1)
    for refund in order.refunds:
        if refund.amount:
            name = f"refund {refund.cause.source} {refund.cause.id}"  # unique in the order; refund ids need not be
            rows += _entry(order, name, refund.day, refund.amount, refund.credits, -1)
    return rows


def _entry(
    order: Order, entry: str, day: dt.date, amount: Decimal, credits: tuple[OrderCredit, ...], sign: int
) -> list[Fact]:
    parts: list[tuple[str | None, Decimal]] = [(c.rep_id, c.amount) for c in credits if not c.overlay]
    return [
        Fact(
            order_id=order.order_id,
            entry=entry,
            line=line,
            is_order=sign > 0,
            rep_id=rep_id,
            day=day,
            order_day=order.day,
            amount=part.copy_negate() if sign < 0 else part,
            customer_id=order.customer_id,
            territory=order.territory,
            currency=order.currency,
            attributes=order.attributes,
        )
        for line, (rep_id, part) in enumerate(parts or [(None, amount)])
    ]


def reason_for(*, imported: bool, restates: bool, received_at: dt.datetime, day_ended_at: dt.datetime) -> Reason:
    """Why an event changes values. ``restates``: it changes what an earlier event of its order had said."""
    if imported:
        return "import"
    if restates:
        return "correction"
    return "late" if received_at > day_ended_at + LATE_AFTER else "live"
