"""What a set of order events says: the state of an order, whatever order they arrive in.

``learn`` merges one event into what is known; the merge is commutative, associative and idempotent, so that arrival
order, batching and replays cannot matter. ``standing`` reads the order off what is known. Both kpi and incentive stand
on this one meaning (semantics: "state of an order", "cancelled", "refunded", "credits").
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Raw, Struct, structs

from contracts import sales
from contracts.envelope import Envelope, EventRef
from contracts.splits import EXACT, in_proportion, split, total
from contracts.topics import CRM_SALES


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


class Claim(Struct, frozen=True, order=True, array_like=True, gc=False):
    """A refund as it was sent: ``amount`` is not yet cut at the order's."""

    said: Said
    refund_id: str
    amount: Decimal
    day: dt.date


class OrderHistory(Struct, frozen=True, array_like=True):
    """Everything known of one order that its state can depend on; small, however many events there were."""

    order_id: str
    latest: Statement | None = None
    placed: Placing | None = None
    moved: Move | None = None
    cancelled: Said | None = None
    claims: dict[str, Claim] = {}


@dataclass(frozen=True, slots=True)
class OrderCredit:
    """A rep's part of an order or of a refund: an exact, unrounded amount in the order's currency."""

    rep_id: str
    overlay: bool
    amount: Decimal


@dataclass(frozen=True, slots=True)
class OrderRefund:
    """A refund after the cut: ``amount`` counts, on ``day``; ``excess`` was claimed beyond the order's amount."""

    refund_id: str
    day: dt.date
    amount: Decimal
    excess: Decimal
    credits: tuple[OrderCredit, ...]
    cause: EventRef


@dataclass(frozen=True, slots=True)
class Order:
    """An order as it stands. ``waiting``: no placed event yet; ``cancelled``: it and its refunds count nowhere.

    ``day`` is the local day that counts. Of a waiting order only ``order_id`` and ``causes`` mean anything.
    """

    order_id: str
    status: Literal["standing", "waiting", "cancelled"]
    causes: tuple[EventRef, ...]
    day: dt.date = dt.date.min
    amount: Decimal = Decimal(0)
    currency: str = ""
    customer_id: str | None = None
    territory: str | None = None
    attributes: sales.Attributes = field(default_factory=dict)
    credits: tuple[OrderCredit, ...] = ()
    refunds: tuple[OrderRefund, ...] = ()


pack: Callable[[OrderHistory], bytes] = msgspec.msgpack.Encoder(decimal_format="string").encode
"""A history as compact bytes."""
unpack: Callable[[bytes], OrderHistory] = msgspec.msgpack.Decoder(OrderHistory).decode
"""Read what ``pack`` wrote."""


EVENTS = {name: CRM_SALES.events[name] for name in (sales.PLACED, sales.AMENDED, sales.CANCELLED, sales.REFUNDED)}
"""The event types that an order's state is made of; of any other there is nothing to learn here."""
_decoders: dict[str, Callable[[Raw], Any]] = {n: msgspec.json.Decoder(type_).decode for n, type_ in EVENTS.items()}


def read(event: Envelope) -> sales.OrderEvent:
    """The typed data of an order event. Raises msgspec.ValidationError, or KeyError for another type of event."""
    data: sales.OrderEvent = _decoders[event.type](event.data)
    return data


def local_day(time: dt.datetime, business_date: dt.date | None, zone: ZoneInfo) -> dt.date:
    """The business day: what the CRM says, else the local day that the instant falls in."""
    return business_date or time.astimezone(zone).date()


def learn(history: OrderHistory | None, event: Envelope, data: sales.OrderEvent, zone: ZoneInfo) -> OrderHistory:
    """What is known after one more event of this order; learning it again changes nothing."""
    assert event.time is not None, "the door lets no event in without a time"
    known = history or OrderHistory(data.order_id)
    said = Said(event.time.astimezone(dt.UTC), event.source, event.id)
    match data:
        case sales.OrderCancelled():
            return structs.replace(known, cancelled=_least(known.cancelled, said))
        case sales.OrderRefunded():
            return structs.replace(known, claims=_claimed(known.claims, said, data, event.time, zone))
    latest = known.latest
    if latest is None or (latest.revision, latest.said) < (data.revision, said):
        known = structs.replace(known, latest=Statement(data.revision, said, _as_placed(data)))
    if isinstance(data, sales.OrderPlaced):
        placing = Placing(said, local_day(event.time, data.business_date, zone))
        return structs.replace(known, placed=_least(known.placed, placing))
    if data.business_date is not None:
        move = Move(data.revision, said, data.business_date)
        return structs.replace(known, moved=move if known.moved is None else max(known.moved, move))
    return known


def standing(history: OrderHistory) -> Order:
    """The order as it stands after everything known."""
    latest, placed, causes = history.latest, history.placed, _causes(history)
    if latest is None or placed is None:
        return Order(history.order_id, "waiting", causes)
    order = latest.order
    amount = Decimal(order.amount)
    credits = tuple(OrderCredit(c.rep_id, c.overlay, _credited(c, amount)) for c in order.credits)
    return Order(
        order_id=history.order_id,
        status="cancelled" if history.cancelled else "standing",
        causes=causes,
        day=history.moved.day if history.moved else placed.day,
        amount=amount,
        currency=order.currency,
        customer_id=order.customer_id,
        territory=order.territory,
        attributes=order.attributes,
        credits=credits,
        refunds=_cut(history.claims, amount, order.credits),
    )


_Ordered = TypeVar("_Ordered", Said, Placing)


def _least(known: _Ordered | None, new: _Ordered) -> _Ordered:
    return new if known is None else min(known, new)


def _as_placed(data: sales.OrderPlaced | sales.OrderAmended) -> sales.OrderPlaced:
    return data if isinstance(data, sales.OrderPlaced) else sales.OrderPlaced(**structs.asdict(data))


def _claimed(
    claims: dict[str, Claim], said: Said, data: sales.OrderRefunded, time: dt.datetime, zone: ZoneInfo
) -> dict[str, Claim]:
    amount = Decimal(data.amount) if data.amount else total(Decimal(x.amount or 0) for x in data.lines)
    name = f"refund {data.refund_id}" if data.refund_id else f"event {said.source} {said.id}"
    claim = Claim(said, data.refund_id or said.id, amount, local_day(time, data.business_date, zone))
    return claims | {name: min(claims.get(name, claim), claim)}


def _credited(credit: sales.Credit, amount: Decimal) -> Decimal:
    return Decimal(credit.amount) if credit.amount else EXACT.multiply(Decimal(credit.share or 0), amount)


def _cut(claims: dict[str, Claim], amount: Decimal, credits: Sequence[sales.Credit]) -> tuple[OrderRefund, ...]:
    refunds, left = [], amount
    for claim in sorted(claims.values()):
        counted = min(claim.amount, left)
        left = EXACT.subtract(left, counted)
        parts = _refund_credits(counted, amount, credits)
        cause = EventRef(claim.said.source, claim.said.id)
        excess = EXACT.subtract(claim.amount, counted)
        refunds.append(OrderRefund(claim.refund_id, claim.day, counted, excess, parts, cause))
    return tuple(refunds)


def _refund_credits(refund: Decimal, amount: Decimal, credits: Sequence[sales.Credit]) -> tuple[OrderCredit, ...]:
    """A refund follows the credits in proportion; overlay credits follow beside them, each for itself."""
    if not refund:
        return ()
    own = [c for c in credits if c.amount and not c.overlay]
    shares = split(refund, [Decimal(c.amount or 0) for c in own], [c.rep_id for c in own]) if own else []
    parts = {id(c): part for c, part in zip(own, shares, strict=True)}
    return tuple(OrderCredit(c.rep_id, c.overlay, parts.get(id(c), _part(c, refund, amount))) for c in credits)


def _part(credit: sales.Credit, refund: Decimal, amount: Decimal) -> Decimal:
    if credit.share:
        return EXACT.multiply(Decimal(credit.share), refund)
    return in_proportion(refund, Decimal(credit.amount or 0), amount)


def _causes(history: OrderHistory) -> tuple[EventRef, ...]:
    said = [c.said for c in sorted(history.claims.values())]
    if history.latest:
        said.insert(0, history.latest.said)
    said += [
        x
        for x in (history.placed and history.placed.said, history.moved and history.moved.said, history.cancelled)
        if x
    ]
    return tuple(dict.fromkeys(EventRef(s.source, s.id) for s in said))
