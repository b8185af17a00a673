"""The AdventureWorks sample in a running Merit, told in two ways; every reference test reads both."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random

import pytest

from merit.embedded import running
from tests.conftest import NewDatabase
from tests.journeys.driver import Driver
from tests.journeys.importing import import_sample
from tests.oracle import adventureworks

BATCH_EVENTS = 1000
SENDERS = 4
SHUFFLED_BY = 20121


@pytest.fixture(scope="session", params=["imported", "shuffled and sent twice"])
async def merit(request: pytest.FixtureRequest, new_database: NewDatabase) -> AsyncIterator[Driver]:
    """Merit with the whole sample: imported by the mapping that it ships, or sent twice by the tests in any order."""
    async with running(admin_dsn=await new_database(), zone="UTC") as started, Driver(started) as driver:
        await (import_sample(driver) if request.param == "imported" else shuffled_twice(driver))
        await driver.caught_up()
        yield driver


async def shuffled_twice(driver: Driver) -> None:
    """Every order event twice, in any order, by several senders at once, while directory and decisions come beside."""
    company = adventureworks.company()
    events = company.events * 2
    Random(SHUFFLED_BY).shuffle(events)
    told = asyncio.create_task(driver.found(company))
    batches = [events[start : start + BATCH_EVENTS] for start in range(0, len(events), BATCH_EVENTS)]
    for start in range(0, len(batches), SENDERS):
        await asyncio.gather(*(driver.send(*batch) for batch in batches[start : start + SENDERS]))
    await told
