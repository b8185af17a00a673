"""A whole cluster of processes on a real Kafka of its own; its history is the sample, told part by part."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from merit.home import Installation
from tests.conftest import KafkaBroker, NewDatabase
from tests.journeys.driver import Driver
from tests.journeys.importing import import_file, import_sample
from tests.oracle.adventureworks import FILES
from tools.cluster.layout import Layout
from tools.cluster.opened import DRAIN_SECONDS, Cluster, free_ports, fresh_schemas, opened

ORDERS = ("SalesOrderHeader.csv", "orders.yaml")
OpenCluster = Callable[..., AbstractAsyncContextManager[Cluster]]


@pytest.fixture(scope="session")
def open_cluster(
    new_broker: Callable[[], KafkaBroker], new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> OpenCluster:
    """Opens a cluster on a broker and a database of its own; at the end each process must end in order."""

    @asynccontextmanager
    async def cluster_in(zone: str = "UTC") -> AsyncIterator[Cluster]:
        broker = new_broker()
        schemas = fresh_schemas(await new_database())
        layout = Layout(schemas, broker.servers, Installation(zone, "USD"), free_ports(), DRAIN_SECONDS)
        async with opened(layout, tmp_path_factory.mktemp("cluster")) as running:
            yield running
        broker.stop()

    return cluster_in


class Story:
    """The sample as it is told to a cluster: so many of its orders at a time, by the import that Merit ships."""

    def __init__(self, cluster: Cluster, driver: Driver, folder: Path) -> None:
        self.cluster, self.driver, self._folder = cluster, driver, folder
        self._journals = folder / "journals"
        self._journals.mkdir()
        self.told = 0

    async def begin(self, orders: int) -> None:
        """Everything but the later orders."""
        if not self.told:
            await import_sample(self.driver, self._journals, self._files(orders))
            self.told = orders

    async def go_on(self, orders: int | None = None) -> None:
        """So many orders more; None: all the others. What was imported before is not sent again."""
        await self.begin(0)
        self.told = self.told + orders if orders else len(_lines())
        await import_file(self.driver, self._files(self.told) / ORDERS[0], FILES / ORDERS[1], self._journals)

    def _files(self, orders: int) -> Path:
        """The sample with its first orders only."""
        folder = self._folder / f"sample-{orders}"
        shutil.copytree(FILES, folder, dirs_exist_ok=True)
        (folder / ORDERS[0]).write_text("".join(itertools.islice(_lines(), orders + 1)), encoding="utf-8")
        return folder


def _lines() -> list[str]:
    return (FILES / ORDERS[0]).read_text(encoding="utf-8").splitlines(keepends=True)


@pytest.fixture(scope="session")
async def story(open_cluster: OpenCluster, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Story]:
    async with open_cluster() as cluster, Driver(cluster) as driver:
        yield Story(cluster, driver, tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="session")
async def merit(story: Story) -> Driver:
    """A cluster that was told the whole sample, whatever happened to its processes meanwhile."""
    await story.go_on()
    await story.driver.caught_up()
    return story.driver
