"""What a journey starts from: an empty Merit, driven through its public API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from merit.embedded import running
from tests.conftest import NewDatabase
from tests.journeys.driver import Driver
from tests.journeys.sighted import Sighted, sighted

OpenMerit = Callable[..., AbstractAsyncContextManager[Driver]]


@asynccontextmanager
async def merit_on(dsn: str, zone: str = "UTC") -> AsyncIterator[Driver]:
    """Merit on a database that is empty, or was used before; a clean stop at the end."""
    async with running(admin_dsn=dsn, zone=zone) as started, Driver(started) as driver:
        yield driver
        assert not started.failed.is_set(), "a background loop ended by itself"


@pytest.fixture(scope="session")
def open_merit(new_database: NewDatabase) -> OpenMerit:
    """Opens Merit on a new database."""

    @asynccontextmanager
    async def opened(zone: str = "UTC") -> AsyncIterator[Driver]:
        async with merit_on(await new_database(), zone) as driver:
            yield driver

    return opened


@pytest.fixture(scope="session")
async def told(open_merit: OpenMerit) -> AsyncIterator[Sighted]:
    """Merit with the company of ``sighted``."""
    async with open_merit() as driver:
        yield await sighted(driver)
