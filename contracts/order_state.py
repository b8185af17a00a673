"""The state of an order, read off its history: what stands, who is credited, what was refunded and what was paid.

Semantics: "state of an order", "cancelled", "refunded", "credits". Every amount is exact and unrounded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from contracts import sales
from contracts.envelope import EventRef
from contracts.orders import Claim, OrderHistory, Payment, Said
from contracts.splits import EXACT, in_proportion, split

ALL = Decimal(1)


class OrderCredit(Struct, frozen=True, gc=False):
    """A rep's part of an order, a refund or a payment: an exact, unrounded amount in the order's currency."""

    rep_id: str
    overlay: bool
    amount: Decimal


class OrderRefund(Struct, frozen=True):
    """A refund after the cut: ``amount`` counts, on ``day``; ``excess`` was claimed beyond the order's amount.

    ``lines`` and ``attributes`` are as they were sent.
    """

    refund_id: str
    day: dt.date
    amount: Decimal
    excess: Decimal
    credits: tuple[OrderCredit, ...]
    cause: EventRef
    lines: Sequence[sales.OrderLine] = ()
    attributes: sales.Attributes = {}


class OrderPayment(Struct, frozen=True):
    """A payment, or a reversal of one (then ``amount`` went back), on its own ``day``, shared as the order is."""

    payment_id: str
    invoice_id: str | None
    reversal: bool
    day: dt.date
    amount: Decimal
    currency: str
    credits: tuple[OrderCredit, ...]
    attributes: sales.Attributes
    cause: EventRef


class Order(Struct, frozen=True):
    """An order as it stands. ``waiting``: no placed event yet; ``cancelled``: all that is of it counts nowhere.

    ``day`` is the local day that counts. Of a waiting order ``order_id`` and ``causes`` alone mean anything.
    """

    order_id: str
    status: Literal["standing", "waiting", "cancelled"]
    history: OrderHistory
    day: dt.date = dt.date.min
    amount: Decimal = Decimal(0)
    currency: str = ""
    customer_id: str | None = None
    territory: str | None = None
    opportunity_id: str | None = None
    attributes: sales.Attributes = {}
    said_credits: Sequence[sales.Credit] = ()
    lines: Sequence[sales.OrderLine] = ()
    credits: tuple[OrderCredit, ...] = ()
    refunds: tuple[OrderRefund, ...] = ()
    payments: tuple[OrderPayment, ...] = ()

    @property
    def causes(self) -> tuple[EventRef, ...]:
        """The events that the order stands on."""
        return _causes(self.history)


def standing(history: OrderHistory) -> Order:
    """The order as it stands after everything known."""
    latest, placed = history.latest, history.placed
    if latest is None or placed is None:
        return Order(history.order_id, "waiting", history)
    order = latest.order
    amount = Decimal(order.amount)
    return Order(
        order_id=history.order_id,
        status="cancelled" if history.cancelled else "standing",
        history=history,
        day=history.moved.day if history.moved else placed.day,
        amount=amount,
        currency=order.currency,
        customer_id=order.customer_id,
        territory=order.territory,
        opportunity_id=order.opportunity_id,
        attributes=order.attributes,
        said_credits=order.credits,
        lines=order.lines,
        credits=tuple([OrderCredit(c.rep_id, c.overlay, _credited(c, amount)) for c in order.credits]),
        refunds=_cut(history.claims, amount, order.credits) if history.claims else (),
        payments=_paid(history.payments, amount, order.credits) if history.payments else (),
    )


def shared(part: Decimal, whole: Decimal, credits: Sequence[sales.Credit]) -> tuple[OrderCredit, ...]:
    """Share an amount as an order of amount ``whole`` is shared. Without overlay the parts sum to the amount: what is
    no finite decimal goes to 10 places by largest remainder, ties by rep. Overlay credits follow each for itself."""
    if len(credits) == 1 and not credits[0].overlay:
        return (OrderCredit(credits[0].rep_id, False, part),)
    own = [c for c in credits if c.amount and not c.overlay]
    weights = [Decimal(c.amount or 0) for c in own]
    shares = split(part, weights if any(weights) else [ALL] * len(own), [c.rep_id for c in own]) if own else []
    parts = {id(c): share for c, share in zip(own, shares, strict=True)}
    return tuple(OrderCredit(c.rep_id, c.overlay, parts.get(id(c), _part(c, part, whole))) for c in credits)


def _credited(credit: sales.Credit, amount: Decimal) -> Decimal:
    return Decimal(credit.amount) if credit.amount else EXACT.multiply(Decimal(credit.share or 0), amount)


def _part(credit: sales.Credit, part: Decimal, whole: Decimal) -> Decimal:
    if credit.share:
        return EXACT.multiply(Decimal(credit.share), part)
    return in_proportion(part, Decimal(credit.amount or 0), whole) if whole else Decimal(0)


def _cut(claims: dict[str, Claim], amount: Decimal, credits: Sequence[sales.Credit]) -> tuple[OrderRefund, ...]:
    refunds, left = [], amount
    for claim in sorted(claims.values(), key=lambda c: c.said):
        counted = min(claim.amount, left)
        left = EXACT.subtract(left, counted)
        parts = shared(counted, amount, credits) if counted else ()
        excess = EXACT.subtract(claim.amount, counted)
        refunds.append(
            OrderRefund(
                claim.refund_id, claim.day, counted, excess, parts, _ref(claim.said), claim.lines, claim.attributes
            )
        )
    return tuple(refunds)


def _paid(payments: dict[str, Payment], amount: Decimal, credits: Sequence[sales.Credit]) -> tuple[OrderPayment, ...]:
    return tuple(
        OrderPayment(
            payment_id=p.payment_id,
            invoice_id=p.invoice_id,
            reversal=p.reversal,
            day=p.day,
            amount=p.amount,
            currency=p.currency,
            credits=shared(p.amount, amount, credits),
            attributes=p.attributes,
            cause=_ref(p.said),
        )
        for p in sorted(payments.values(), key=lambda p: p.said)
    )


def _ref(said: Said) -> EventRef:
    return EventRef(said.source, said.id)


def _causes(history: OrderHistory) -> tuple[EventRef, ...]:
    said = [c.said for c in sorted(history.claims.values(), key=lambda c: c.said)]
    if history.latest:
        said.insert(0, history.latest.said)
    said += [
        x
        for x in (history.placed and history.placed.said, history.moved and history.moved.said, history.cancelled)
        if x
    ]
    return tuple(dict.fromkeys(_ref(s) for s in said))
