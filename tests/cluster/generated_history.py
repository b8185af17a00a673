"""The awkward histories of the journeys, told to clusters: ``make cluster-test``. Each has processes of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.cluster.conftest import OpenCluster
from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver
from tests.journeys.test_generated_history import *  # noqa: F403


@pytest.fixture(scope="session")
def open_merit(open_cluster: OpenCluster) -> OpenMerit:
    """Opens a cluster where the journeys open the embedded Merit."""

    @asynccontextmanager
    async def opened(zone: str = "UTC") -> AsyncIterator[Driver]:
        async with open_cluster(zone) as cluster, Driver(cluster) as driver:
            yield driver

    return opened
