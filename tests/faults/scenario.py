"""A company's awkward history in small batches, dealt out to the faults of a run."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.checker import Checker
from tests.faults.cluster import Cluster, opened
from tests.faults.journal import FAULTY, Client, Event
from tests.faults.watch import watching
from tests.journeys.driver import Driver
from tests.oracle import synthetic
from tests.oracle.generate import generate

BATCH_EVENTS = 3, 12


@dataclass
class Run:
    """A cluster with a company in it, the client that sends its events, and who checks."""

    cluster: Cluster
    driver: Driver
    client: Client
    checker: Checker
    batches: list[list[Event]]
    seed: int

    def take(self, count: int) -> list[list[Event]]:
        """The next batches of the history."""
        assert len(self.batches) >= count, "the history is used up: make it longer"
        taken, self.batches = self.batches[:count], self.batches[count:]
        return taken


@asynccontextmanager
async def run(dsn: str, folder: Path, seed: int, orders: int, kafka: str = "") -> AsyncIterator[Run]:
    """A cluster with a company that has re-organised itself; nothing is sent yet. The seed decides everything."""
    generated = generate(synthetic.company(seed, orders), seed)
    print(f"seed {seed}")
    async with AsyncExitStack() as stack:
        cluster = await stack.enter_async_context(opened(dsn, folder, kafka))
        driver = await stack.enter_async_context(Driver(cluster))  # type: ignore[arg-type]  # as Running, in what it uses
        watch = await stack.enter_async_context(watching(cluster))
        client = Client(driver, folder / f"journal-{next(_numbers)}.jsonl")
        await driver.found(generated.company)
        batches = cut(Random(seed), generated.company.events)
        yield Run(cluster, driver, client, Checker(cluster, driver, client, generated.company, watch), batches, seed)


_numbers = itertools.count(1)


def cut(random: Random, events: list[Event]) -> list[list[Event]]:
    """Small batches, so that there is always something under way; in each third one is an event that is faulty."""
    batches, rest = list[list[Event]](), events
    while rest:
        size = random.randint(*BATCH_EVENTS)
        batches.append(rest[:size])
        rest = rest[size:]
    for number, batch in enumerate(batches[::3]):
        batch.insert(random.randint(0, len(batch)), order(f"{FAULTY}{number}", "-1"))
    return batches


def order(
    name: str,
    amount: str,
    time: str = "2013-03-05T12:00:00Z",
    rep: str | None = "r1",
    currency: str = "USD",
    **attributes: Any,
) -> dict[str, Any]:
    """An order of a rep, or of nobody, placed once."""
    credits = [{"rep_id": rep, "share": "1"}] if rep else []
    data = {"order_id": name, "amount": amount, "currency": currency, "credits": credits}
    event = {"specversion": "1.0", "id": name, "source": "/faults", "type": "crm.order.placed.v1", "time": time}
    return event | {"datacontenttype": "application/json", "data": data} | attributes
