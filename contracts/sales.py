"""The sales events that a CRM sends: opportunities, orders, credit notes, invoices and payments.

Money is an exact decimal string with an ISO 4217 currency, never a number. Amounts are never negative: what takes away
(a refund, a credit note, a reversal) says so by its type.

Types are read tolerantly (a newer producer may add a field); the door (``services.ingest``) refuses unknown fields,
so that a misspelt optional field is a named fault and not a silent loss.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct, convert

from contracts.envelope import Identifier

# (?![\s\S]) is "end of input" in Python's and in JSON Schema's dialect alike; "$" lets a line break through.
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,20}(\.[0-9]{1,10})?(?![\s\S])")]
"""A non-negative exact decimal: at most 20 digits before the point and 10 after it."""
SignedAmount = Annotated[str, Meta(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,10})?(?![\s\S])")]
Share = Annotated[str, Meta(pattern=r"^(0(\.[0-9]{1,10})?|1(\.0{1,10})?)(?![\s\S])")]
"""A part of an order, from 0 to 1."""
Currency = Annotated[str, Meta(pattern=r"^[A-Z]{3}(?![\s\S])")]
Text = Annotated[str, Meta(max_length=1024)]
Attributes = dict[Annotated[str, Meta(min_length=1, max_length=64)], str | int | bool | None]
"""A flat map of the company's own dimensions; a decimal is written as a string."""
DateOrInstant = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
        r"([Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2}))?(?![\s\S])"
    ),
]
"""A local day, or an instant with an offset, whichever the CRM knows; ``day_or_instant`` reads it."""


def day_or_instant(text: str) -> dt.date | dt.datetime:
    """Read a DateOrInstant: an instant has its offset, a date is a local day. Raises msgspec.ValidationError."""
    return convert(text, dt.date) if len(text) == len("2026-03-31") else convert(text, _Instant)


_Instant = Annotated[dt.datetime, Meta(tz=True)]


class EventData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What may stand in the data of every event. Where a CRM knows only a date, ``business_date`` says the day."""

    territory: Identifier | None = None
    business_date: dt.date | None = None
    attributes: Attributes = {}


class Credit(Struct, frozen=True, gc=False, omit_defaults=True):
    """A part of something assigned to a rep: either ``share`` or ``amount``. An overlay credit earns on top."""

    rep_id: Identifier
    share: Share | None = None
    amount: Amount | None = None
    overlay: bool = False


class OrderLine(Struct, frozen=True, gc=False, omit_defaults=True):
    """One product of an order. ``amount`` is the line's net amount in the order's currency."""

    product: Text | None = None
    category: Text | None = None
    quantity: Amount | None = None
    amount: Amount | None = None
    cost: SignedAmount | None = None
    discount: Amount | None = None


Credits = Annotated[list[Credit], Meta(max_length=100)]
Lines = Annotated[list[OrderLine], Meta(max_length=5000)]
"""A wholesaler's invoice has over a thousand lines; this many come near to the largest event that is taken."""


class _Order(EventData, frozen=True, kw_only=True, omit_defaults=True):
    order_id: Identifier
    amount: Amount
    currency: Currency
    credits: Credits
    customer_id: Identifier | None = None
    revision: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    lines: Lines = []
    opportunity_id: Identifier | None = None


class OrderPlaced(_Order, frozen=True, tag_field=None):
    """An order was placed. ``credits`` may be empty: then it counts for territory, customer and company only."""


class OrderAmended(_Order, frozen=True, tag_field=None):
    """The whole order again: it replaces the earlier state. It moves the order's day only with a ``business_date``."""


class OrderCancelled(EventData, frozen=True, kw_only=True, omit_defaults=True):
    """The order and its refunds leave every KPI, for good."""

    order_id: Identifier
    reason: Text | None = None


class OrderRefunded(EventData, frozen=True, kw_only=True, omit_defaults=True):
    """A positive amount (or ``lines`` with amounts) to subtract, in the order's currency, on the refund's own day."""

    order_id: Identifier
    refund_id: Identifier | None = None
    amount: Amount | None = None
    lines: Lines = []
    reason: Text | None = None


class CreditNoteIssued(EventData, frozen=True, kw_only=True, omit_defaults=True):
    """A positive amount to subtract, on the note's own day, with credits of its own; it needs no order."""

    credit_note_id: Identifier
    amount: Amount
    currency: Currency
    credits: Credits
    customer_id: Identifier | None = None
    lines: Lines = []


class InvoiceIssued(EventData, frozen=True, kw_only=True, omit_defaults=True):
    """An order, or a part of it, was invoiced."""

    order_id: Identifier
    invoice_id: Identifier
    amount: Amount
    currency: Currency


class _Payment(EventData, frozen=True, kw_only=True, omit_defaults=True):
    order_id: Identifier
    payment_id: Identifier
    amount: Amount
    currency: Currency
    invoice_id: Identifier | None = None


class PaymentReceived(_Payment, frozen=True, tag_field=None):
    """An order, or a part of it, was paid."""


class PaymentReversed(_Payment, frozen=True, tag_field=None):
    """A positive amount of the payment ``payment_id`` went back (a bounced debit, a chargeback)."""

    reason: Text | None = None


class _Opportunity(EventData, frozen=True, kw_only=True, omit_defaults=True):
    opportunity_id: Identifier
    rep_id: Identifier
    customer_id: Identifier | None = None
    amount: Amount | None = None
    currency: Currency | None = None
    opened_at: DateOrInstant | None = None
    stage: Text | None = None
    product: Text | None = None


class OpportunityOpened(_Opportunity, frozen=True, tag_field=None):
    """A chance to sell came up, at ``opened_at``, or at the event's time where that is absent."""


class OpportunityUpdated(_Opportunity, frozen=True, tag_field=None):
    """What is known by now (stage, amount, owner); what is absent stays as it was."""


class OpportunityWon(_Opportunity, frozen=True, tag_field=None):
    """It became a sale, for this event's rep; the earliest ``won`` holds, even if ``lost`` follows."""


class OpportunityLost(_Opportunity, frozen=True, tag_field=None):
    """It came to nothing; the earliest ``lost`` holds, unless it is won."""

    reason: Text | None = None


PLACED, AMENDED = "crm.order.placed.v1", "crm.order.amended.v1"
CANCELLED, REFUNDED = "crm.order.cancelled.v1", "crm.order.refunded.v1"
CREDIT_NOTE_ISSUED = "crm.credit_note.issued.v1"
INVOICE_ISSUED = "crm.invoice.issued.v1"
PAYMENT_RECEIVED, PAYMENT_REVERSED = "crm.payment.received.v1", "crm.payment.reversed.v1"
OPPORTUNITY_OPENED, OPPORTUNITY_UPDATED = "crm.opportunity.opened.v1", "crm.opportunity.updated.v1"
OPPORTUNITY_WON, OPPORTUNITY_LOST = "crm.opportunity.won.v1", "crm.opportunity.lost.v1"
OrderEvent = OrderPlaced | OrderAmended | OrderCancelled | OrderRefunded
"""The ``data`` of any order event."""
MoneyEvent = InvoiceIssued | PaymentReceived | PaymentReversed
"""The ``data`` of an event that tells how an order is paid for; it belongs to the order and waits for it."""
