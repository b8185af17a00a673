"""The rows of the fact tables, one class per kind, and the reasons for which values change.

The fields of a row stand in the order of its kind's columns in ``domain.fact_kinds``.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct

from contracts.kpi import Reason
from contracts.sales import Attributes

REASONS: tuple[Reason, ...] = ("live", "import", "late", "correction", "recompute")
"""From the most ordinary: when several causes meet in one value, the last of them is told."""
LATE_AFTER = dt.timedelta(hours=24)


class Fact(Struct, frozen=True, gc=False):
    """What every fact has. ``rep_id`` None: it counts for its territory and the company only.

    ``entry`` names what was said within the object, ``line`` numbers the credits of an entry.
    """

    kind: ClassVar[str]
    object_id: str
    entry: str
    line: int
    rep_id: str | None
    customer_id: str | None
    territory: str | None
    attributes: Attributes


class OrderFact(Fact, frozen=True, gc=False):
    """A credit's part of an order, a refund or a credit note; the latter two take away.

    No ``amount``, here and in payments: its day has no rate into the reporting currency.
    """

    kind: ClassVar = "order"
    entry_kind: str
    amount: Decimal | None
    gross_amount: Decimal | None
    refund_amount: Decimal | None
    currency: str
    opportunity_id: str | None
    day: dt.date
    order_day: dt.date


class OrderLineFact(Fact, frozen=True, gc=False):
    """A credit's part of one product of an order, of a refund that names its lines, or of a credit note."""

    kind: ClassVar = "order_line"
    entry_kind: str
    product: str | None
    category: str | None
    quantity: Decimal | None
    amount: Decimal | None
    cost: Decimal | None
    discount: Decimal | None
    margin: Decimal | None
    currency: str
    day: dt.date
    order_day: dt.date


class OpportunityFact(Fact, frozen=True, gc=False):
    """An opportunity as it stands. Days are local, instants in UTC."""

    kind: ClassVar = "opportunity"
    status: str
    stage: str | None
    product: str | None
    amount: Decimal | None
    currency: str | None
    opened_at: dt.datetime
    won_at: dt.datetime | None
    lost_at: dt.datetime | None
    closed_at: dt.datetime | None
    cycle_days: Decimal | None
    cycle_seconds: Decimal | None
    opened_day: dt.date
    won_day: dt.date | None
    lost_day: dt.date | None
    closed_day: dt.date | None


class PaymentFact(Fact, frozen=True, gc=False):
    """A credit's part of a payment for its order, or of a reversal, which takes away."""

    kind: ClassVar = "payment"
    entry_kind: str
    payment_id: str
    invoice_id: str | None
    amount: Decimal | None
    currency: str
    day: dt.date
    order_day: dt.date


class CaseFact(Fact, frozen=True, gc=False):
    """A case as it stands; the seconds count from its opening, whatever the hour."""

    kind: ClassVar = "case"
    status: str
    category: str | None
    opened_at: dt.datetime
    responded_at: dt.datetime | None
    resolved_at: dt.datetime | None
    first_response_seconds: Decimal | None
    resolution_seconds: Decimal | None
    opened_day: dt.date
    responded_day: dt.date | None
    resolved_day: dt.date | None


class SurveyFact(Fact, frozen=True, gc=False):
    """An answer, once per rep that it is credited to."""

    kind: ClassVar = "survey"
    score: Decimal
    scale_max: Decimal
    satisfied: bool | None
    order_id: str | None
    case_id: str | None
    day: dt.date


class FollowupFact(Fact, frozen=True, gc=False):
    """A return visit as it stands."""

    kind: ClassVar = "followup"
    status: str
    outcome: str | None
    due_at: dt.datetime
    completed_at: dt.datetime | None
    scheduled_at: dt.datetime
    due_day: dt.date
    completed_day: dt.date | None


ROWS: dict[str, type[Fact]] = {
    row.kind: row
    for row in (OrderFact, OrderLineFact, OpportunityFact, PaymentFact, CaseFact, SurveyFact, FollowupFact)
}
"""The row of each kind of fact."""


def reason_for(*, imported: bool, restates: bool, received_at: dt.datetime, day_ended_at: dt.datetime) -> Reason:
    """Why an event changes values. ``restates``: it changes what an earlier event of its object had said."""
    if imported:
        return "import"
    if restates:
        return "correction"
    return "late" if received_at > day_ended_at + LATE_AFTER else "live"
