"""Credit notes: what the latest word on a note says is taken away, on its own day, by credits of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts import sales
from contracts.envelope import Envelope
from contracts.order_state import Order, shared
from contracts.orders import OrderHistory, Said
from contracts.topics import CRM_SALES
from services.kpi.domain.facts import Fact, OrderFact
from services.kpi.domain.objects.credited import Entry, line_facts, parts
from services.kpi.domain.objects.moments import happened, packing
from services.kpi.domain.objects.object_kind import ObjectKind, Standing

NAME = "credit_note"


class CreditNoteHistory(Struct, frozen=True, array_like=True):
    """The word on the note that stands."""

    said: Said
    day: dt.date
    note: sales.CreditNoteIssued


def learn(
    history: CreditNoteHistory | None, event: Envelope, data: sales.CreditNoteIssued, zone: ZoneInfo
) -> CreditNoteHistory:
    """What is known after one more event of this note; learning it again changes nothing."""
    moment = happened(event, data, zone)
    new = CreditNoteHistory(moment.said, moment.day, data)
    return new if history is None or history.said < new.said else history


def stand(history: CreditNoteHistory) -> Standing:
    """The facts of a note sum to its amount, negative; its lines take away too."""
    order = _as_order(history)
    lines = Entry(NAME, NAME, order.day, order.attributes, order.lines, -1)
    return Standing("issued", [*_facts(order), *line_facts(order, lines)])


def _as_order(history: CreditNoteHistory) -> Order:
    """A note shares its amount and its lines as an order of its own would."""
    note = history.note
    amount = Decimal(note.amount)
    return Order(
        order_id=note.credit_note_id,
        status="standing",
        history=OrderHistory(note.credit_note_id),
        day=history.day,
        amount=amount,
        currency=note.currency,
        customer_id=note.customer_id,
        territory=note.territory,
        attributes=note.attributes,
        said_credits=note.credits,
        lines=note.lines,
        credits=shared(amount, amount, note.credits),
    )


def _facts(order: Order) -> Iterator[Fact]:
    for line, (rep_id, amount) in enumerate(parts(order.credits, order.amount)):
        yield OrderFact(
            object_id=order.order_id,
            entry=NAME,
            line=line,
            rep_id=rep_id,
            customer_id=order.customer_id,
            territory=order.territory,
            attributes=order.attributes,
            entry_kind=NAME,
            amount=amount.copy_negate(),
            gross_amount=None,
            refund_amount=None,
            currency=order.currency,
            opportunity_id=None,
            day=order.day,
            order_day=order.day,
        )


pack, unpack = packing(CreditNoteHistory)
KIND: ObjectKind[CreditNoteHistory] = ObjectKind(
    name=NAME,
    topic=CRM_SALES.name,
    id_field="credit_note_id",
    events={sales.CREDIT_NOTE_ISSUED: sales.CreditNoteIssued},
    learn=learn,
    stand=stand,
    pack=pack,
    unpack=unpack,
    restating=None,
)
