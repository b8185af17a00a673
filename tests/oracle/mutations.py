"""What the oracle must notice: one accepted event lost, counted twice, or put on another day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

Event = dict[str, Any]


def dropped(event: Event) -> list[Event]:
    """As if the event had never been accepted."""
    return []


def doubled(event: Event) -> list[Event]:
    """As if the event had been applied twice: the copy needs an identity of its own, and an order of its own if it
    places one."""
    copy = event | {"id": event["id"] + "-again"}
    if event["type"] == "crm.order.placed.v1":
        copy |= {"data": event["data"] | {"order_id": event["data"]["order_id"] + "-again"}}
    elif "refund_id" in event["data"]:
        copy |= {"data": event["data"] | {"refund_id": event["data"]["refund_id"] + "-again"}}
    return [event, copy]


def moved(event: Event) -> list[Event]:
    """As if the event had been counted on the next day."""
    time = dt.datetime.fromisoformat(event["time"].replace("Z", "+00:00")) + dt.timedelta(days=1)
    data = dict(event["data"])
    if "business_date" in data:
        data["business_date"] = str(dt.date.fromisoformat(data["business_date"]) + dt.timedelta(days=1))
    return [event | {"time": time.isoformat(), "data": data}]


MUTATIONS: tuple[Callable[[Event], list[Event]], ...] = (dropped, doubled, moved)


def mutated(events: list[Event], number: int, mutation: Callable[[Event], list[Event]]) -> list[Event]:
    """The events with that one mutated."""
    return [*events[:number], *mutation(events[number]), *events[number + 1 :]]
