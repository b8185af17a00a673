"""What a set of order events says, whatever order they arrive in.

``learn`` merges one event into what is known; the merge is commutative, associative and idempotent, so that arrival
order, batching and replays cannot matter. ``order_state.standing`` reads the order off what is known. Both kpi and
incentive stand on this one meaning.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw, Struct, structs

from contracts import sales
from contracts.envelope import Envelope
from contracts.splits import total
from contracts.topics import CRM_SALES
from contracts.trusted import trusted


class Said(Struct, frozen=True, order=True, array_like=True, gc=False):
    """When and by whom something was said; it orders what claims the same place. ``time`` is an instant in UTC."""

    time: dt.datetime
    source: str
    id: str


class Statement(Struct, frozen=True, array_like=True):
    """The whole order, as one placed or amended event tells it."""

    revision: int
    said: Said
    order: sales.OrderPlaced


class Move(Struct, frozen=True, order=True, array_like=True, gc=False):
    """An amendment that carries a business date."""

    revision: int
    said: Said
    day: dt.date


class Placing(Struct, frozen=True, order=True, array_like=True, gc=False):
    """A placed event and the local day it puts the order on."""

    said: Said
    day: dt.date


class Claim(Struct, frozen=True, array_like=True):
    """A refund as it was sent: ``amount`` is not yet cut at the order's."""

    said: Said
    refund_id: str
    amount: Decimal
    day: dt.date
    lines: list[sales.OrderLine] = []
    attributes: sales.Attributes = {}


class Payment(Struct, frozen=True, array_like=True):
    """A payment, or a reversal of one, as it was sent; ``amount`` is positive for both."""

    said: Said
    payment_id: str
    invoice_id: str | None
    reversal: bool
    amount: Decimal
    currency: str
    day: dt.date
    attributes: sales.Attributes = {}


class Invoice(Struct, frozen=True, array_like=True):
    """An invoice as it was sent."""

    said: Said
    invoice_id: str
    amount: Decimal
    currency: str
    day: dt.date


class OrderHistory(Struct, frozen=True, array_like=True):
    """Everything known of one order that its state can depend on; small, however many events there were."""

    order_id: str
    latest: Statement | None = None
    placed: Placing | None = None
    moved: Move | None = None
    cancelled: Said | None = None
    claims: dict[str, Claim] = {}
    payments: dict[str, Payment] = {}
    invoices: dict[str, Invoice] = {}


pack: Callable[[OrderHistory], bytes] = msgspec.msgpack.Encoder(decimal_format="string").encode
"""A history as compact bytes."""
unpack: Callable[[bytes], OrderHistory] = msgspec.msgpack.Decoder(trusted(OrderHistory)).decode
"""Read what ``pack`` wrote."""


EVENTS = {name: CRM_SALES.events[name] for name in (sales.PLACED, sales.AMENDED, sales.CANCELLED, sales.REFUNDED)}
"""The event types that an order's state is made of."""
MONEY_EVENTS = {
    name: CRM_SALES.events[name] for name in (sales.INVOICE_ISSUED, sales.PAYMENT_RECEIVED, sales.PAYMENT_REVERSED)
}
"""The event types that tell how an order was paid for; they change nothing of its state."""
_decoders: dict[str, Callable[[Raw], Any]] = {
    name: msgspec.json.Decoder(type_).decode for name, type_ in EVENTS.items()
}


def read(event: Envelope) -> sales.OrderEvent:
    """The typed data of an order event. Raises msgspec.ValidationError, or KeyError for another type of event."""
    data: sales.OrderEvent = _decoders[event.type](event.data)
    return data


def local_day(time: dt.datetime, business_date: dt.date | None, zone: ZoneInfo) -> dt.date:
    """The business day: what the CRM says, else the local day that the instant falls in."""
    return business_date or time.astimezone(zone).date()


def learn(
    history: OrderHistory | None, event: Envelope, data: sales.OrderEvent | sales.MoneyEvent, zone: ZoneInfo
) -> OrderHistory:
    """What is known after one more event of this order; learning it again changes nothing."""
    assert event.time is not None, "the door lets no event in without a time"
    known = history or OrderHistory(data.order_id)
    said = Said(event.time.astimezone(dt.UTC), event.source, event.id)
    if isinstance(data, sales.OrderPlaced | sales.OrderAmended):
        return _stated(known, said, data, event.time, zone)
    if isinstance(data, sales.OrderCancelled):
        return structs.replace(known, cancelled=_least(known.cancelled, said))
    day = local_day(event.time, data.business_date, zone)
    match data:
        case sales.OrderRefunded():
            return structs.replace(known, claims=_claimed(known.claims, said, data, day))
        case sales.InvoiceIssued():
            invoice = Invoice(said, data.invoice_id, Decimal(data.amount), data.currency, day)
            return structs.replace(known, invoices=_with_earliest(known.invoices, data.invoice_id, invoice))
    return structs.replace(known, payments=_paid(known.payments, said, data, day))


def _stated(
    known: OrderHistory, said: Said, data: sales.OrderPlaced | sales.OrderAmended, time: dt.datetime, zone: ZoneInfo
) -> OrderHistory:
    latest, placed, moved = known.latest, known.placed, known.moved
    if latest is None or (latest.revision, latest.said) < (data.revision, said):
        latest = Statement(data.revision, said, _as_placed(data))
    if isinstance(data, sales.OrderPlaced):
        placed = _least(placed, Placing(said, local_day(time, data.business_date, zone)))
    elif data.business_date is not None:
        move = Move(data.revision, said, data.business_date)
        moved = move if moved is None else max(moved, move)
    return structs.replace(known, latest=latest, placed=placed, moved=moved)


_Ordered = TypeVar("_Ordered", Said, Placing)


def _least(known: _Ordered | None, new: _Ordered) -> _Ordered:
    return new if known is None else min(known, new)


def _as_placed(data: sales.OrderPlaced | sales.OrderAmended) -> sales.OrderPlaced:
    return data if isinstance(data, sales.OrderPlaced) else sales.OrderPlaced(**structs.asdict(data))


def _claimed(claims: dict[str, Claim], said: Said, data: sales.OrderRefunded, day: dt.date) -> dict[str, Claim]:
    amount = Decimal(data.amount) if data.amount else total(Decimal(x.amount or 0) for x in data.lines)
    claim = Claim(said, data.refund_id or said.id, amount, day, data.lines, data.attributes)
    return _with_earliest(claims, f"refund {data.refund_id}" if data.refund_id else _event(said), claim)


def _paid(
    payments: dict[str, Payment], said: Said, data: sales.PaymentReceived | sales.PaymentReversed, day: dt.date
) -> dict[str, Payment]:
    """A payment is what its id says; of one payment several parts may go back, each an event."""
    back = isinstance(data, sales.PaymentReversed)
    amount = Decimal(data.amount)
    payment = Payment(said, data.payment_id, data.invoice_id, back, amount, data.currency, day, data.attributes)
    return _with_earliest(payments, _event(said) if back else f"payment {data.payment_id}", payment)


_Told = TypeVar("_Told", Claim, Payment, Invoice)


def _with_earliest(known: dict[str, _Told], name: str, new: _Told) -> dict[str, _Told]:
    """Of several that claim one name, the earliest said stands."""
    return known if name in known and known[name].said <= new.said else known | {name: new}


def _event(said: Said) -> str:
    """A name that no other event of the order has, nor any refund or payment of a name of its own."""
    return f"event {len(said.source)} {said.source} {said.id}"
