"""F13: the database is restarted in mid-request, gently and not: 503 with Retry-After meanwhile, never a 500."""

from __future__ import annotations

import asyncio
import os
import signal
from random import Random

import pytest

from chassis.db import DatabaseUnavailable, connect
from tests.conftest import NewDatabase, NewServer
from tests.faults.scenario import cut
from tests.journeys.conftest import merit_on
from tests.journeys.driver import BATCH, Driver, eventually
from tests.journeys.plans import COMPONENTS
from tests.oracle import figures, synthetic
from tests.oracle.generate import generate

ORDERS, SEED = 60, 13
RESTARTS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
DOWN_SECONDS = 1.0
RETRY_SECONDS = 0.2
PATIENCE_SECONDS = 60.0
LIMIT_SECONDS_MAX = 60
READS = (
    ("/v1/kpis/sales_amount/values", {"subject_kind": "rep", "from": "2012-01-01", "to": "2013-01-01"}),
    ("/v1/earnings", {}),
)


async def test_f13_the_database_is_restarted_under_load(new_server: NewServer) -> None:
    server = new_server()
    generated = generate(synthetic.company(SEED, ORDERS), SEED)
    batches = cut(Random(SEED), generated.company.events)
    async with merit_on(server.get_uri()) as driver:
        await driver.found(generated.company)
        await driver.as_role("integration")
        await driver.as_role("auditor")
        refused: list[tuple[int, bool]] = []
        sending = asyncio.create_task(send_all(driver, batches, refused))
        reading = asyncio.create_task(read_on(driver, refused))
        for number in RESTARTS.values():
            await asyncio.sleep(DOWN_SECONDS)
            await restart(server, number)
        await sending
        reading.cancel()
        assert refused, "no request met the restart: it proves nothing"
        assert set(refused) == {(503, True)}, "503 with Retry-After, and nothing else"
        truth = figures.truth(generated.company, COMPONENTS)

        async def differences() -> list[str]:
            return figures.different(truth.earnings(), await driver.earnings())

        await driver.caught_up()
        await eventually(differences)
        assert not any((await driver.ledger_nets()).values())


async def restart(server: object, number: int) -> None:
    """End the server's first process in one of its two hard ways, and start it anew a little later."""
    pid = server.get_pid()  # type: ignore[attr-defined]
    os.kill(pid, number)
    while alive(pid):
        await asyncio.sleep(0.05)
    await asyncio.sleep(DOWN_SECONDS)
    await asyncio.to_thread(server.ensure_postgres_running)  # type: ignore[attr-defined]


def alive(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        with open(f"/proc/{pid}/stat") as file:  # noqa: PTH123
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def send_all(driver: Driver, batches: list[list[dict[str, object]]], refused: list[tuple[int, bool]]) -> None:
    """Send everything, each batch until it is taken."""
    client = driver.clients[str({"role": "integration"})]
    for batch in batches:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await client.post("/v1/events", json=batch, headers={"content-type": BATCH})
                if answer.status_code == 202:
                    break
                refused.append((answer.status_code, "retry-after" in answer.headers))
                await asyncio.sleep(RETRY_SECONDS)
        driver.reached(answer.json()["position"])
        await asyncio.sleep(RETRY_SECONDS)


async def read_on(driver: Driver, refused: list[tuple[int, bool]]) -> None:
    """Read KPIs and earnings without end."""
    client = driver.clients[str({"role": "auditor"})]
    while True:
        for path, query in READS:
            answer = await client.get(path, params=query)
            if answer.status_code != 200:
                refused.append((answer.status_code, "retry-after" in answer.headers))
        await asyncio.sleep(RETRY_SECONDS)


async def test_f9_who_stands_still_in_a_transaction_loses_it_and_its_locks(new_database: NewDatabase) -> None:
    """A stopped process must not hold up who took over from it; when it wakes, the pool goes on."""
    database = await connect(await new_database(), "public")
    async with database.connection() as conn:
        limit = await conn.fetchval("select current_setting('idle_in_transaction_session_timeout')::interval")
        assert 0 < limit.total_seconds() <= LIMIT_SECONDS_MAX

    async def stand_still() -> None:
        async with database.transaction() as conn:
            await conn.execute("set local idle_in_transaction_session_timeout = '50ms'")
            await asyncio.sleep(0.3)
            await conn.execute("select 1")

    with pytest.raises(DatabaseUnavailable):
        await stand_still()
    async with database.transaction() as conn:
        assert await conn.fetchval("select 1") == 1
    await database.close()
