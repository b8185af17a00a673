"""Every process is restarted in order, one after the other, while a client writes and one reads: they see nothing but
2xx, and 503 with Retry-After, and nothing that was answered 202 is lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import httpx

from chassis.process import CLOSE_SECONDS_MAX
from chassis.serving import FINISH_SECONDS_MAX
from tests.cluster.conftest import Story
from tests.journeys.driver import BATCH

BATCH_EVENTS = 5
PAUSE_SECONDS = 0.05
"""The load is light: two clients, each with one request at a time."""
SOURCE = "/restarts"


@dataclass
class Load:
    """What the clients saw. The gateway has no second replica here: a connection that it does not take while it is
    restarted itself is no answer. At any other time that is a fault."""

    story: Story
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    statuses: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    gateway_is_down: bool = False
    accepted: int = 0

    async def ask(self, request: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
        """Send it again until it succeeds, when Retry-After says."""
        while True:
            wait = PAUSE_SECONDS
            try:
                answer = await request()
                self.statuses[answer.status_code] += 1
                if answer.is_success:
                    return answer
                wait = float(answer.headers.get("retry-after", "nan"))
                if answer.status_code != 503 or not wait > 0:
                    self.faults.append(f"{answer.request.url}: {answer.status_code} {answer.text}")
                    return answer
            except httpx.TransportError as error:
                if not self.gateway_is_down:
                    self.faults.append(f"no answer: {error!r}")
            await asyncio.sleep(wait)

    async def write(self) -> None:
        sender = await self.story.driver.as_role("integration")
        for number in count():
            if self.stop.is_set():
                return
            batch = [event(f"{number}-{n}") for n in range(BATCH_EVENTS)]
            answer = await self.ask(
                lambda batch=batch: sender.post("/v1/events", json=batch, headers={"content-type": BATCH})
            )
            self.accepted += BATCH_EVENTS
            if answer.is_success:
                self.story.driver.reached(answer.json()["position"])
            await asyncio.sleep(PAUSE_SECONDS)

    async def read(self) -> None:
        reader = await self.story.driver.as_role("auditor")
        paths = ("/v1/kpis/order_count/values?subject_kind=company&period=2012", "/v1/earnings?limit=5", "/v1/people")
        for number in count():
            if self.stop.is_set():
                return
            await self.ask(lambda path=paths[number % len(paths)]: reader.get(path))
            await asyncio.sleep(PAUSE_SECONDS)


def event(number: str) -> dict[str, object]:
    """An order on a day that the sample has nothing to say of, with nobody's credit."""
    order = {"order_id": f"restart-{number}", "amount": "1", "currency": "USD", "credits": []}
    return {
        "specversion": "1.0",
        "id": number,
        "source": SOURCE,
        "type": "crm.order.placed.v1",
        "time": "2020-02-02T12:00:00Z",
        "data": order,
    }


@asynccontextmanager
async def under_load(story: Story) -> AsyncIterator[Load]:
    load = Load(story)
    async with asyncio.TaskGroup() as group:
        group.create_task(load.write())
        group.create_task(load.read())
        try:
            yield load
        finally:
            load.stop.set()


async def test_a_rolling_restart_shows_nothing_but_success_and_come_back_later(story: Story) -> None:
    supervisor, clock = story.cluster.supervisor, asyncio.get_running_loop().time
    seconds_max = story.cluster.layout.drain_seconds + FINISH_SECONDS_MAX + CLOSE_SECONDS_MAX
    async with under_load(story) as load:
        await asyncio.sleep(1.0)
        for name in supervisor.specs:
            load.gateway_is_down = name == "gateway"
            began = clock()
            codes = await supervisor.stop(name)
            assert (codes, clock() - began < seconds_max) == ({name: 0}, True)
            await supervisor.start(name)
            load.gateway_is_down = False
        await asyncio.sleep(1.0)
    assert load.faults == []
    assert load.statuses.keys() <= {200, 202, 503}
    assert load.statuses[200] > 20
    assert load.statuses[202] > 20
    await story.driver.caught_up()
    values = await story.driver.items(
        "/v1/kpis/order_count/values", subject_kind="company", **{"from": "2020-02-02", "to": "2020-02-03"}
    )
    assert [value["value"] for value in values] == [str(load.accepted)], "each counted once, none lost"
