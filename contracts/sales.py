"""The sales events that a CRM sends. Money is an exact decimal string with an ISO 4217 currency, never a number.

Types are read tolerantly (a newer producer may add a field); the door (``services.ingest``) refuses unknown fields,
so that a misspelt optional field is a named fault and not a silent loss.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

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


class Credit(Struct, frozen=True, gc=False, omit_defaults=True):
    """A part of an order assigned to a rep: either ``share`` or ``amount``. An overlay credit earns on top."""

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


class _Order(Struct, frozen=True, kw_only=True, omit_defaults=True):
    order_id: Identifier
    amount: Amount
    currency: Currency
    credits: Annotated[list[Credit], Meta(max_length=100)]
    customer_id: Identifier | None = None
    territory: Identifier | None = None
    revision: Annotated[int, Meta(ge=0, le=2**31 - 1)] = 0
    lines: Annotated[list[OrderLine], Meta(max_length=1000)] = []
    opportunity_id: Identifier | None = None
    business_date: dt.date | None = None
    attributes: Attributes = {}


class OrderPlaced(_Order, frozen=True, tag_field=None):
    """An order was placed. ``credits`` may be empty: then it counts for territory, customer and company only."""


class OrderAmended(_Order, frozen=True, tag_field=None):
    """The whole order again: it replaces the earlier state. It moves the order's day only with a ``business_date``."""


class OrderCancelled(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The order and its refunds leave every KPI, for good."""

    order_id: Identifier
    reason: Text | None = None
    territory: Identifier | None = None
    business_date: dt.date | None = None
    attributes: Attributes = {}


class OrderRefunded(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A positive amount (or ``lines`` with amounts) to subtract, in the order's currency, on the refund's own day."""

    order_id: Identifier
    refund_id: Identifier | None = None
    amount: Amount | None = None
    lines: Annotated[list[OrderLine], Meta(max_length=1000)] = []
    reason: Text | None = None
    territory: Identifier | None = None
    business_date: dt.date | None = None
    attributes: Attributes = {}


PLACED, AMENDED = "crm.order.placed.v1", "crm.order.amended.v1"
CANCELLED, REFUNDED = "crm.order.cancelled.v1", "crm.order.refunded.v1"
OrderEvent = OrderPlaced | OrderAmended | OrderCancelled | OrderRefunded
"""The ``data`` of any order event."""
