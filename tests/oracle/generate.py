"""A seeded generator of awkward histories: what CRMs really send, done to a fifth of a company's orders.

Amendments of every field, cancellations, refunds (several, too much, by lines, twice under one refund_id), resends,
conflicts, orders that never come, re-organisations with a past date; and all of it in any order, in batches of 1 to
1,000. The same seed gives the same history.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from tests.oracle.adventureworks import Company
from tests.oracle.troubles import OFFSETS, TROUBLES, Teller, written

Event = dict[str, Any]
BATCH_EVENTS_MAX = 1000
SHARE_OF_ORDERS = 5
"""One order in so many gets a history."""
REORGANISED = 4
"""One person in so many changes manager, team or territory."""


@dataclass(frozen=True)
class Generated:
    """``company`` holds what is true in the end: events in the order sent, and the re-organised memberships.

    ``batches`` are the same events as they are to be sent; before batch number ``reorganise_at``, ``changes`` (the
    memberships that the re-organisation closes and opens) are to be written over the ``memberships`` of the start.
    """

    company: Company
    batches: list[list[Event]]
    memberships: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    reorganise_at: int


def generate(base: Company, seed: int) -> Generated:
    """A history over the orders of ``base``; nothing but the seed decides it."""
    random = Random(seed)
    reps = sorted({m["person_id"] for m in base.memberships})
    events = list(base.events)
    for order in random.sample(base.events, len(base.events) // SHARE_OF_ORDERS):
        troubles = random.sample(TROUBLES, random.randint(1, 3))
        for number, trouble in enumerate(troubles):
            events += trouble(Teller(random, reps, order, number))
        if random.random() < 0.03:
            events.remove(order)
    events += [resent(random, event) for event in random.sample(events, len(events) // 20)]
    random.shuffle(events)
    changes = reorganise(random, base.memberships)
    batches = cut(random, events)
    final = merged(base.memberships, changes)
    company = replace(base, events=events, memberships=final)
    return Generated(company, batches, base.memberships, changes, random.randint(0, len(batches)))


def resent(random: Random, event: Event) -> Event:
    """The same again: perhaps with another trace, or the instant written otherwise."""
    at = dt.datetime.fromisoformat(event["time"].replace("Z", "+00:00"))
    trace = f"00-{random.getrandbits(128):032x}-{random.getrandbits(64):016x}-01"
    return random.choice([event, event | {"traceparent": trace}, event | {"time": written(at, random.choice(OFFSETS))}])


def cut(random: Random, events: list[Event]) -> list[list[Event]]:
    """Batches of 1 to 1,000, small and large."""
    batches, rest = [], events
    while rest:
        size = random.choice([1, random.randint(2, 50), random.randint(51, BATCH_EVENTS_MAX)])
        batches.append(rest[:size])
        rest = rest[size:]
    return batches


def key(membership: dict[str, Any]) -> tuple[str, str, str, str]:
    """What names a membership: writing it again under this key changes its end."""
    return membership["person_id"], membership["kind"], membership["of"], membership["valid_from"]


def merged(memberships: list[dict[str, Any]], changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The memberships once the changes are written over them."""
    return list({key(m): m for m in [*memberships, *changes]}.values())


def reorganise(random: Random, memberships: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some memberships end on a day in their middle, and the person goes on elsewhere of the same kind.

    Nobody who has reports moves under another manager, so that no circle can arise.
    """
    managers = {m["of"] for m in memberships if m["kind"] == "manager"}
    movable = [m for m in memberships if not (m["kind"] == "manager" and m["person_id"] in managers)]
    changes = []
    for old in random.sample(movable, max(1, len(movable) // REORGANISED)):
        choices = sorted({m["of"] for m in memberships if m["kind"] == old["kind"]} - {old["of"], old["person_id"]})
        day = dt.date(2012, 1, 1) + dt.timedelta(days=random.randint(0, 400))
        if choices and old["valid_from"] < str(day) and (not old["valid_to"] or str(day) < old["valid_to"]):
            changes.append(old | {"valid_to": str(day)})
            changes.append(old | {"of": random.choice(choices), "valid_from": str(day)})
    return changes
