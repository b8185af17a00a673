"""What each rep has of an amount that is credited, and of the lines that it is made of."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal

from msgspec import Struct

from contracts.order_state import Order, OrderCredit, shared
from contracts.sales import Attributes, OrderLine
from contracts.splits import EXACT
from services.kpi.domain.facts import OrderLineFact


class Entry(Struct, frozen=True):
    """What was said of an order's lines at once: the order itself, a refund, a credit note; ``sign`` -1 takes away."""

    kind: str
    name: str
    day: dt.date
    attributes: Attributes
    lines: Sequence[OrderLine]
    sign: int


def parts(credits: Sequence[OrderCredit], whole: Decimal) -> list[tuple[str | None, Decimal]]:
    """What each credit without overlay has of an amount; without any, nobody has all of it.

    Overlay credits are no facts: they earn, outside of KPIs.
    """
    return [(c.rep_id, c.amount) for c in credits if not c.overlay] or [(None, whole)]


def line_facts(order: Order, entry: Entry) -> Iterator[OrderLineFact]:
    """Each line as often as there are credits, every number of it shared as the order is."""
    reps = [rep_id for rep_id, _ in parts(order.credits, order.amount)]
    for n, line in enumerate(entry.lines):
        name = f"{entry.name} line {n}"
        quantity, amount = _shared(order, line.quantity, entry.sign), _shared(order, line.amount, entry.sign)
        cost, discount = _shared(order, line.cost, entry.sign), _shared(order, line.discount, entry.sign)
        for i, rep_id in enumerate(reps):
            yield OrderLineFact(
                object_id=order.order_id,
                entry=name,
                line=i,
                rep_id=rep_id,
                customer_id=order.customer_id,
                territory=order.territory,
                attributes=entry.attributes,
                entry_kind=entry.kind,
                product=line.product,
                category=line.category,
                quantity=quantity[i] if quantity else None,
                amount=amount[i] if amount else None,
                cost=cost[i] if cost else None,
                discount=discount[i] if discount else None,
                margin=EXACT.subtract(amount[i], cost[i]) if amount and cost else None,
                currency=order.currency,
                day=entry.day,
                order_day=order.day,
            )


def _shared(order: Order, value: str | None, sign: int) -> Sequence[Decimal] | None:
    """A number of a line, per credit; None where the line does not say it."""
    if value is None:
        return None
    whole = Decimal(value).copy_negate() if sign < 0 else Decimal(value)
    if len(order.said_credits) < 2:
        return (whole,)
    return [part for _, part in parts(shared(whole, order.amount, order.said_credits), whole)]
