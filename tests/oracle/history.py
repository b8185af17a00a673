"""From the events that were accepted to the orders as they stand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

Event = dict[str, Any]
PLACED, AMENDED = "crm.order.placed.v1", "crm.order.amended.v1"
CANCELLED, REFUNDED = "crm.order.cancelled.v1", "crm.order.refunded.v1"
CREDIT_NOTE = "crm.credit_note.issued.v1"
NAMED_BY = {"invoice": "order_id", "payment": "order_id"}
"""What an event is about is named by ``order_id`` and the like after its type; these belong to their order."""
SPLIT_UNIT = Fraction(1, 10**10)


@dataclass(frozen=True)
class Credit:
    """What a rep is credited with, of an order or of a refund."""

    rep: str
    overlay: bool
    amount: Fraction


@dataclass(frozen=True)
class Refund:
    """A refund as far as it counts: ``amount`` is cut at what was left of the order; ``excess`` is the rest."""

    day: dt.date
    amount: Fraction
    excess: Fraction
    credits: list[Credit]


@dataclass(frozen=True)
class Order:
    """An order that stands, on the local day that counts."""

    order_id: str
    day: dt.date
    amount: Fraction
    currency: str
    customer: str | None
    territory: str | None
    credits: list[Credit]
    refunds: list[Refund]


@dataclass(frozen=True)
class CreditNote:
    """An amount to subtract on a day of its own, with credits of its own."""

    day: dt.date
    amount: Fraction
    currency: str
    territory: str | None
    credits: list[Credit]


@dataclass(frozen=True)
class Book:
    """What a list of events amounts to. ``unvalued``: orders that count, and whose money is unknown."""

    orders: list[Order]
    credit_notes: list[CreditNote]
    waiting: set[str]
    cancelled: set[str]
    duplicates: list[Event]
    conflicts: list[Event]
    unvalued: frozenset[str] = frozenset()


def read(events: Iterable[Event], zone: str) -> Book:
    """Work out what stands. The order of the list matters in one way only: of two events with one identity and
    different content, the first stands."""
    counting, duplicates, conflicts = identify(events)
    by_order: dict[str, list[Event]] = {}
    for event in counting:
        if event["type"].startswith("crm.order."):
            by_order.setdefault(object_id(event), []).append(event)
    placed = {name for name, of_it in by_order.items() if _of_type(of_it, PLACED)}
    cancelled = {name for name in placed if _of_type(by_order[name], CANCELLED)}
    orders = [stand(name, by_order[name], ZoneInfo(zone)) for name in sorted(placed - cancelled)]
    notes = credit_notes(_of_type(counting, CREDIT_NOTE), ZoneInfo(zone))
    return Book(orders, notes, set(by_order) - placed, cancelled, duplicates, conflicts)


def object_id(event: Event) -> str:
    """The business object that an event is about."""
    kind = event["type"].split(".")[1]
    name: str = event["data"][NAMED_BY.get(kind, f"{kind}_id")]
    return name


def credit_notes(events: list[Event], zone: ZoneInfo) -> list[CreditNote]:
    """Of a credit note the latest word stands."""
    latest = {event["data"]["credit_note_id"]: event for event in sorted(events, key=said)}
    found = []
    for event in latest.values():
        data, amount = event["data"], Fraction(event["data"]["amount"])
        credits = [Credit(c["rep_id"], c.get("overlay", False), credited(c, amount)) for c in data["credits"]]
        found.append(CreditNote(local_day(event, zone), amount, data["currency"], data.get("territory"), credits))
    return found


def identify(events: Iterable[Event]) -> tuple[list[Event], list[Event], list[Event]]:
    """Split into those that count, duplicates and conflicts. Identity: the object, the source and the id."""
    first: dict[tuple[str, str, str], Event] = {}
    duplicates, conflicts = [], []
    for event in events:
        identity = (object_id(event), event["source"], event["id"])
        if identity not in first:
            first[identity] = event
        elif content(first[identity]) == content(event):
            duplicates.append(event)
        else:
            conflicts.append(event)
    return list(first.values()), duplicates, conflicts


def content(event: Event) -> tuple[str, str | None, dt.datetime, str]:
    """What an event says: extension attributes do not matter, nor how the instant or the data is written."""
    return event["type"], event.get("subject"), instant(event), json.dumps(event["data"], sort_keys=True)


def instant(event: Event) -> dt.datetime:
    """The event's business time, in UTC."""
    return dt.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).astimezone(dt.UTC)


def local_day(event: Event, zone: ZoneInfo) -> dt.date:
    """The business date that the CRM says, else the local day that the instant falls in."""
    said = event["data"].get("business_date")
    return dt.date.fromisoformat(said) if said else instant(event).astimezone(zone).date()


def said(event: Event) -> tuple[dt.datetime, str, str]:
    """What orders events: time, then source, then id."""
    return instant(event), event["source"], event["id"]


def rank(event: Event) -> tuple[int, dt.datetime, str, str]:
    """Which statement of an order is the newest: revision first, then time, source, id."""
    return event["data"].get("revision", 0), *said(event)


def stand(order_id: str, events: list[Event], zone: ZoneInfo) -> Order:
    """The order as it stands: the highest-ranked statement, on the day of the earliest placed, unless moved."""
    latest = max(_of_type(events, PLACED, AMENDED), key=rank)["data"]
    moves = [e for e in _of_type(events, AMENDED) if e["data"].get("business_date")]
    day_from = max(moves, key=rank) if moves else min(_of_type(events, PLACED), key=said)
    amount = Fraction(latest["amount"])
    return Order(
        order_id=order_id,
        day=local_day(day_from, zone),
        amount=amount,
        currency=latest["currency"],
        customer=latest.get("customer_id"),
        territory=latest.get("territory"),
        credits=[Credit(c["rep_id"], c.get("overlay", False), credited(c, amount)) for c in latest["credits"]],
        refunds=cut(_of_type(events, REFUNDED), amount, latest["credits"], zone),
    )


def credited(credit: dict[str, Any], order_amount: Fraction) -> Fraction:
    """A credit says its amount, or its share of the order's."""
    return Fraction(credit["amount"]) if "amount" in credit else Fraction(credit["share"]) * order_amount


def cut(events: list[Event], order_amount: Fraction, credits: list[dict[str, Any]], zone: ZoneInfo) -> list[Refund]:
    """Refunds in (time, source, id) order, each refund_id once (its earliest), together at most the order's amount."""
    once: dict[object, Event] = {}
    for event in sorted(events, key=said):
        once.setdefault(event["data"].get("refund_id") or (event["source"], event["id"]), event)
    refunds, left = [], order_amount
    for event in once.values():
        claimed = refund_amount(event["data"])
        counted = min(claimed, left)
        left -= counted
        parts = refund_credits(counted, order_amount, credits)
        refunds.append(Refund(local_day(event, zone), counted, claimed - counted, parts))
    return refunds


def refund_amount(data: dict[str, Any]) -> Fraction:
    """A refund says its amount, or lines with amounts."""
    if "amount" in data:
        return Fraction(data["amount"])
    return sum((Fraction(line.get("amount", 0)) for line in data["lines"]), Fraction(0))


def refund_credits(refund: Fraction, order_amount: Fraction, credits: list[dict[str, Any]]) -> list[Credit]:
    """A refund follows the credits in proportion. Those given as amounts share it at ten decimal places by largest
    remainder, ties by rep; overlay credits stand beside them, each rounded (half up) for itself."""
    if refund == 0:
        return []
    exact = [refund * credited(c, order_amount) / order_amount for c in credits]
    steps = [part / SPLIT_UNIT for part in exact]
    down = [SPLIT_UNIT * (s.numerator // s.denominator) for s in steps]
    half_up = [SPLIT_UNIT * ((s + Fraction(1, 2)).__floor__()) for s in steps]
    split = [i for i, c in enumerate(credits) if "amount" in c and not c.get("overlay")]
    missing = (sum(exact[i] for i in split) - sum(down[i] for i in split)) / SPLIT_UNIT
    favoured = sorted(split, key=lambda i: (down[i] - exact[i], credits[i]["rep_id"]))[: int(missing)]
    parts = []
    for i, credit in enumerate(credits):
        part = exact[i]
        if "amount" in credit:
            part = half_up[i] if credit.get("overlay") else down[i] + (SPLIT_UNIT if i in favoured else 0)
        parts.append(Credit(credit["rep_id"], credit.get("overlay", False), part))
    return parts


def _of_type(events: list[Event], *types: str) -> list[Event]:
    return [event for event in events if event["type"] in types]
