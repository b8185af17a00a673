"""Orders with their refunds, lines and payments: the facts of what ``contracts.order_state`` says that stands."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from contracts import orders, sales
from contracts.envelope import EventRef
from contracts.order_state import Order, OrderPayment, OrderRefund, standing
from contracts.orders import OrderHistory
from contracts.splits import split, total
from contracts.topics import CRM_SALES
from services.kpi.domain.facts import Fact, OrderFact, PaymentFact
from services.kpi.domain.objects.credited import Entry, line_facts, parts
from services.kpi.domain.objects.object_kind import NOTHING, ObjectKind, Standing


def stand(history: OrderHistory) -> Standing:
    """All facts of an order; none while it waits or after it was cancelled.

    Its order facts sum to its amount less refunds. What is not the order itself counts on a day of its own, for the
    subjects of the order's day.
    """
    order = standing(history)
    if order.status != "standing":
        return Standing(order.status, [])
    facts = _order_facts(order)
    if order.lines:
        facts += line_facts(order, Entry("order", "order", order.day, order.attributes, order.lines, 1))
    for refund in order.refunds:
        if refund.amount:
            facts += _refund_facts(order, refund)
    for payment in order.payments:
        facts += _payment_facts(order, payment)
    excess = total(r.excess for r in order.refunds) if order.refunds else NOTHING
    return Standing(order.status, facts, excess)


def _order_facts(order: Order) -> list[Fact]:
    return [
        OrderFact(
            object_id=order.order_id,
            entry="order",
            line=line,
            rep_id=rep_id,
            customer_id=order.customer_id,
            territory=order.territory,
            attributes=order.attributes,
            entry_kind="order",
            amount=amount,
            gross_amount=amount,
            refund_amount=None,
            currency=order.currency,
            opportunity_id=order.opportunity_id,
            day=order.day,
            order_day=order.day,
        )
        for line, (rep_id, amount) in enumerate(parts(order.credits, order.amount))
    ]


def _refund_facts(order: Order, refund: OrderRefund) -> Iterator[Fact]:
    entry, attributes = _entry("refund", refund.cause), _attributes(order, refund.attributes)
    for line, (rep_id, amount) in enumerate(parts(refund.credits, refund.amount)):
        yield OrderFact(
            object_id=order.order_id,
            entry=entry,
            line=line,
            rep_id=rep_id,
            customer_id=order.customer_id,
            territory=order.territory,
            attributes=attributes,
            entry_kind="refund",
            amount=amount.copy_negate(),
            gross_amount=None,
            refund_amount=amount,
            currency=order.currency,
            opportunity_id=order.opportunity_id,
            day=refund.day,
            order_day=order.day,
        )
    yield from line_facts(order, Entry("refund", entry, refund.day, attributes, _cut_lines(refund), -1))


def _cut_lines(refund: OrderRefund) -> list[sales.OrderLine]:
    """The lines that a refund names. Where the refund was cut their amounts are, in proportion, and sum to it."""
    if not refund.excess or not refund.lines:
        return list(refund.lines)
    weights = [Decimal(line.amount or 0) for line in refund.lines]
    amounts = split(refund.amount, weights, [f"{n:04d}" for n in range(len(weights))])
    return [
        sales.OrderLine(line.product, line.category, line.quantity, format(amount, "f"), line.cost, line.discount)
        for line, amount in zip(refund.lines, amounts, strict=True)
    ]


def _payment_facts(order: Order, payment: OrderPayment) -> Iterator[Fact]:
    kind = "reversal" if payment.reversal else "payment"
    entry = _entry(kind, payment.cause) if payment.reversal else f"payment {payment.payment_id}"
    for line, (rep_id, amount) in enumerate(parts(payment.credits, payment.amount)):
        yield PaymentFact(
            object_id=order.order_id,
            entry=entry,
            line=line,
            rep_id=rep_id,
            customer_id=order.customer_id,
            territory=order.territory,
            attributes=_attributes(order, payment.attributes),
            entry_kind=kind,
            payment_id=payment.payment_id,
            invoice_id=payment.invoice_id,
            amount=amount.copy_negate() if payment.reversal else amount,
            currency=payment.currency,
            day=payment.day,
            order_day=order.day,
        )


def _attributes(order: Order, own: sales.Attributes) -> sales.Attributes:
    """Those of the order, which decide what it counts for, and beside them what only the refund or payment says."""
    return {**own, **order.attributes} if own else order.attributes


def _entry(kind: str, cause: EventRef) -> str:
    """A name that is unique in the order: ids that a CRM gave to refunds need not be."""
    return f"{kind} {len(cause.source)} {cause.source} {cause.id}"


KIND: ObjectKind[OrderHistory] = ObjectKind(
    name="order",
    topic=CRM_SALES.name,
    id_field="order_id",
    events=orders.EVENTS | orders.MONEY_EVENTS,
    learn=orders.learn,
    stand=stand,
    pack=orders.pack,
    unpack=orders.unpack,
    restating=frozenset({sales.AMENDED, sales.CANCELLED}),
)
