"""The events of every stage, from one seed: order i is the same in each run, so the right totals can be recomputed.

The peers' events in Merit's words: reps over 90 days, one event in ten up to three days late, about 430 bytes each.
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

SEED = 20261123
FIRST_DAY, DAYS = dt.date(2024, 7, 1), 90
LATE_SHARE = 0.10
DAY_SECONDS = 86_400
SOURCE = "/bench/crm"


class Made(NamedTuple):
    """An event as a client sends it, and what it adds: ``cents`` of ``rep`` on ``day`` (UTC)."""

    order_id: str
    rep: str
    day: dt.date
    cents: int
    event: bytes


@dataclass(frozen=True)
class Orders:
    """``count`` orders of ``reps`` reps; ``of`` sets them apart from the orders of another measurement."""

    count: int
    reps: int
    of: str = "SO"

    def __iter__(self) -> Iterator[Made]:
        rng = random.Random(SEED)
        start = dt.datetime.combine(FIRST_DAY, dt.time(), dt.UTC)
        span = DAYS * DAY_SECONDS
        for i in range(self.count):
            second = i * span / self.count
            if rng.random() < LATE_SHARE:
                second = max(0.0, second - rng.random() * 3 * DAY_SECONDS)
            at = start + dt.timedelta(seconds=int(second), milliseconds=rng.randrange(1000))
            yield self._order(i, at, rng)

    def _order(self, i: int, at: dt.datetime, rng: random.Random) -> Made:
        rep, cents = rep_id(rng.randrange(self.reps)), rng.randrange(100, 500_000)
        order_id, amount = f"{self.of}-{i:08d}", f"{cents // 100}.{cents % 100:02d}"
        event = {
            "specversion": "1.0",
            "id": f"{rng.getrandbits(128):032x}",
            "source": SOURCE,
            "type": "crm.order.placed.v1",
            "subject": rep,
            "time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z",
            "datacontenttype": "application/json",
            "data": {
                "order_id": order_id,
                "amount": amount,
                "currency": "USD",
                "customer_id": f"C-{rng.randrange(20_000):05d}",
                "credits": [{"rep_id": rep, "share": "1"}],
                "lines": [_line(rng.randrange(10_000), 1 + i % 5, amount)],
            },
        }
        return Made(order_id, rep, at.date(), cents, json.dumps(event, separators=(",", ":")).encode())

    def totals(self) -> dict[tuple[str, dt.date], Decimal]:
        """The right answer: sales per rep and day."""
        cents: dict[tuple[str, dt.date], int] = defaultdict(int)
        for made in self:
            cents[made.rep, made.day] += made.cents
        return {place: Decimal(n).scaleb(-2) for place, n in cents.items()}


def _line(product: int, quantity: int, amount: str) -> dict[str, str]:
    return {
        "product": f"P-{product:05d}",
        "category": f"K-{product % 50:02d}",
        "quantity": f"{quantity}",
        "amount": amount,
    }


def rep_id(number: int) -> str:
    """The id of a rep."""
    return f"rep-{number:05d}"


def batches(orders: Orders, size: int) -> Iterator[list[Made]]:
    """So many orders at a time."""
    some: list[Made] = []
    for made in orders:
        some.append(made)
        if len(some) == size:
            yield some
            some = []
    if some:
        yield some
