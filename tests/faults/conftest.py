"""A cluster to break, shared by every test of the folder: what one of them leaves wrong, the next one's check finds.

MERIT_FAULT_SEEDS says with how many seeds (1), MERIT_FAULT_LOGS on which logs (postgres), each in a cluster of its
own; MERIT_FAULT_TABLE names a file that gets a line for each result.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.conftest import KafkaBroker, NewDatabase
from tests.faults.scenario import Run, run

SEEDS = range(int(os.environ.get("MERIT_FAULT_SEEDS", "1")))
LOGS = os.environ.get("MERIT_FAULT_LOGS", "postgres").split(",")
TABLE = os.environ.get("MERIT_FAULT_TABLE")
ORDERS = 750


@pytest.fixture(scope="session", params=[(log, seed) for seed in SEEDS for log in LOGS], ids=lambda p: f"{p[0]}-{p[1]}")
async def running(
    request: pytest.FixtureRequest,
    new_database: NewDatabase,
    new_broker: Callable[[], KafkaBroker],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Run]:
    """Parts of a cluster on each log in turn, with a company in it."""
    log, seed = request.param
    broker = new_broker() if log == "kafka" else None
    folder = tmp_path_factory.mktemp("faults")
    async with run(await new_database(), folder, seed, ORDERS, broker.servers if broker else "") as started:
        yield started
    if broker:
        broker.cleanup()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Keep a table of the results while they come: outcome, seconds, test."""
    if TABLE and "tests/faults" in report.nodeid and (report.when == "call" or report.failed):
        with Path(TABLE).open("a", encoding="utf-8") as file:
            file.write(f"{report.outcome}\t{report.duration:.1f}\t{report.nodeid.rpartition('/')[2]}\n")
