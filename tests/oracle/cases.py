"""Short hands to write events and ask the oracle, for the tests of the oracle itself."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Any

from tests.oracle import history, kpis, periods
from tests.oracle.directory import Directory

Event = dict[str, Any]
ALWAYS = dt.date(2000, 1, 1), dt.date(2100, 1, 1)
ZONE = "Europe/Berlin"


def event(kind: str, id: str, time: str, **data: Any) -> Event:
    """An event of the order ``o1`` unless said otherwise; ``time`` without an offset is UTC."""
    time = time if "T" in time else f"{time}T12:00:00Z"
    data = {"order_id": "o1"} | data
    return {"type": f"crm.order.{kind}.v1", "source": "/crm", "id": id, "time": time, "data": data}


def placed(id: str = "p", time: str = "2024-03-05", amount: str = "100", **data: Any) -> Event:
    return event("placed", id, time, **({"amount": amount, "currency": "USD", "credits": one("a")} | data))


def amended(id: str, time: str, amount: str = "100", **data: Any) -> Event:
    return event("amended", id, time, **({"amount": amount, "currency": "USD", "credits": one("a")} | data))


def one(rep: str) -> list[dict[str, Any]]:
    return [{"rep_id": rep, "share": "1"}]


def shared(*parts: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"rep_id": rep, "share": share} for rep, share in parts]


def amounts(*parts: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"rep_id": rep, "amount": amount} for rep, amount in parts]


def sales(events: list[Event], kind: str = "rep", subject: str = "a", window: periods.Window = ALWAYS) -> Fraction:
    facts = kpis.collect(history.read(events, ZONE), Directory([]))
    return facts.get((kind, subject), kpis.Facts()).sales_amount(window)


def only(events: list[Event]) -> history.Order:
    (order,) = history.read(events, ZONE).orders
    return order
