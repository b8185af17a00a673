"""What can happen to one order: each trouble tells the events that a CRM would send of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

Event = dict[str, Any]
OFFSETS = ("Z", "+00:00", "+02:00", "-05:00", "+09:30")


@dataclass(frozen=True)
class Teller:
    """Tells further events of one order."""

    random: Random
    reps: list[str]
    order: Event
    number: int

    def event(self, kind: str, data: dict[str, Any], name: str = "") -> Event:
        """An event some time after the order (a tenth of them before it), its instant written with any offset."""
        at = dt.datetime.fromisoformat(self.order["time"].replace("Z", "+00:00"))
        at += dt.timedelta(minutes=self.random.randint(-20, 180) * 24 * 60 + self.random.randint(0, 1439))
        return {
            "specversion": "1.0",
            "id": f"{self.order['id']}-{self.number}{name}",
            "source": self.random.choice([self.order["source"], "/crm/second"]),
            "type": f"crm.order.{kind}.v1",
            "time": written(at, self.random.choice(OFFSETS)),
            "datacontenttype": "application/json",
            "data": {"order_id": self.order["data"]["order_id"]} | data,
        }

    def amended(self, name: str = "", **changed: Any) -> Event:
        """The whole order again, with something changed; its day stays, unless a business date is among that."""
        whole = {k: v for k, v in self.order["data"].items() if k != "business_date"} | changed
        if self.random.random() < 0.3:
            whole["revision"] = self.random.randint(0, 2)
        return self.event("amended", whole, name)

    def some_reps(self, number: int) -> list[str]:
        return self.random.sample(self.reps, number)

    def amount(self, at_most: Decimal, places: int = 4) -> Decimal:
        """An amount from 0 to ``at_most``."""
        units = int(at_most.scaleb(places))  # cuts what is below the last place
        return Decimal(self.random.randint(0, units)).scaleb(-places)

    def refund(self, at_most: Decimal | None = None) -> str:
        """A positive amount, up to the order's or so."""
        return str(max(self.amount(self.order_amount if at_most is None else at_most), Decimal("0.0001")))

    @property
    def order_amount(self) -> Decimal:
        return Decimal(self.order["data"]["amount"])


def other_amount(tell: Teller) -> list[Event]:
    amount = str(tell.amount(tell.order_amount * 2))
    return [tell.amended(amount=amount, credits=by_share(tell.order["data"]["credits"]))]


def by_share(credits: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Credits that fit any amount of the order: the first rep has all of it."""
    return [{"rep_id": credits[0]["rep_id"], "share": "1"}] if credits else []


def shared(tell: Teller) -> list[Event]:
    shares = tell.random.choice([("0.5", "0.5"), ("0.7", "0.3"), ("0.3333333333", "0.3333333333", "0.3333333334")])
    reps = tell.some_reps(len(shares))
    return [tell.amended(credits=[{"rep_id": r, "share": s} for r, s in zip(reps, shares, strict=True)])]


def split_by_amount(tell: Teller) -> list[Event]:
    first = tell.amount(tell.order_amount)
    second = tell.amount(tell.order_amount - first)
    parts = [first, second, tell.order_amount - first - second]
    credits = [{"rep_id": r, "amount": str(p)} for r, p in zip(tell.some_reps(3), parts, strict=True)]
    return [tell.amended(credits=credits)]


def overlay(tell: Teller) -> list[Event]:
    owner, specialist = tell.some_reps(2)
    extra = tell.random.choice([{"share": "0.25"}, {"amount": str(tell.amount(tell.order_amount))}])
    credits = [{"rep_id": owner, "share": "1"}, {"rep_id": specialist, "overlay": True} | extra]
    return [tell.amended(credits=credits)]


def moved(tell: Teller) -> list[Event]:
    """Two amendments that move the day, and one that says nothing of it."""
    day = dt.date.fromisoformat(tell.order["time"][:10])
    days = [day + dt.timedelta(days=tell.random.randint(-60, 60)) for _ in range(2)]
    return [*(tell.amended(f"d{i}", business_date=str(d)) for i, d in enumerate(days)), tell.amended("s")]


def other_customer(tell: Teller) -> list[Event]:
    return [tell.amended(customer_id=tell.random.choice([None, "another", tell.order["data"].get("customer_id")]))]


def other_territory(tell: Teller) -> list[Event]:
    return [tell.amended(territory=tell.random.choice([None, "1", "10"]))]


def tied(tell: Teller) -> list[Event]:
    """Two amendments of one moment and revision: source, then id, decide."""
    first, second = tell.amended("a", territory="1"), tell.amended("b", territory="10")
    second["data"]["revision"] = first["data"].get("revision", 0)
    return [first, second | {"time": first["time"]}]


def cancelled(tell: Teller) -> list[Event]:
    return [tell.event("cancelled", {"reason": "changed their mind"})]


def refunded(tell: Teller) -> list[Event]:
    """One to three refunds, together often more than the order; one may come twice under its refund_id."""
    events = []
    for i in range(tell.random.randint(1, 3)):
        named = {"refund_id": f"{tell.order['id']}-{tell.number}-r{i}"} if tell.random.random() < 0.7 else {}
        events.append(tell.event("refunded", named | {"amount": tell.refund()}, f"r{i}"))
        if named and tell.random.random() < 0.3:
            events.append(tell.event("refunded", named | {"amount": tell.refund()}, f"t{i}"))
    return events


def refunded_lines(tell: Teller) -> list[Event]:
    lines = [{"product": "p", "amount": tell.refund()} for _ in range(2)]
    return [tell.event("refunded", {"lines": lines, "refund_id": f"{tell.order['id']}-{tell.number}-l"})]


def refunded_on_a_business_date(tell: Teller) -> list[Event]:
    day = dt.date.fromisoformat(tell.order["time"][:10]) + dt.timedelta(days=tell.random.randint(0, 90))
    return [tell.event("refunded", {"amount": tell.refund(), "business_date": str(day)})]


def refunded_under_one_name(tell: Teller) -> list[Event]:
    """Refunds that a careless reader takes for one: a refund_id that is another refund's event id, and one event id
    from two sources. All of them count."""
    first, second = (tell.event("refunded", {"amount": tell.refund(tell.order_amount / 4)}, "n") for _ in range(2))
    named = tell.event("refunded", {"amount": tell.refund(tell.order_amount / 4), "refund_id": first["id"]}, "m")
    return [first | {"source": "/crm/first"}, second | {"source": "/crm/third"}, named]


def contradicted(tell: Teller) -> list[Event]:
    """The order's own identity with another amount: whichever comes first stands, the other is a conflict."""
    data = tell.order["data"] | {
        "amount": str(tell.order_amount + 1),
        "credits": by_share(tell.order["data"]["credits"]),
    }
    return [tell.order | {"data": data}]


TROUBLES: list[Callable[[Teller], list[Event]]] = [
    other_amount,
    shared,
    split_by_amount,
    overlay,
    moved,
    other_customer,
    other_territory,
    tied,
    cancelled,
    refunded,
    refunded_lines,
    refunded_on_a_business_date,
    refunded_under_one_name,
    contradicted,
]


def written(at: dt.datetime, offset: str) -> str:
    """An instant, written with this offset."""
    if offset == "Z":
        return at.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    zone = dt.datetime.strptime(offset, "%z").tzinfo
    return at.astimezone(zone).isoformat()
