"""F10: the broker goes away under load, gently and not: 503 with Retry-After at once, and then all of it drains."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest

from tests.conftest import KafkaBroker, NewDatabase
from tests.faults.scenario import Run, run
from tests.faults.steps import COMMITTED

ORDERS, SEED = 60, 10
DOWN_SECONDS = 2.0
READ = {"subject_kind": "rep", "from": "2012-01-01", "to": "2013-01-01"}
SPRUNG_SECONDS = 60.0
ANSWER_SECONDS_MAX = 2.5
WITHOUT_READS = ("kpi-worker-1", "kpi-relay", "incentive-worker-1", "incentive-relay")


async def health(running: Run, name: str) -> tuple[int, int]:
    """Whether a process says that it is alive, and that it is ready."""
    supervisor = running.cluster.supervisor
    async with httpx.AsyncClient(
        base_url=supervisor.specs[name].url, timeout=ANSWER_SECONDS_MAX, trust_env=False
    ) as http:
        return (await http.get("/livez")).status_code, (await http.get("/readyz")).status_code


async def test_f10_the_broker_is_restarted_and_killed(
    new_broker: Callable[[], KafkaBroker], new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> None:
    broker = new_broker()
    async with run(await new_database(), tmp_path_factory.mktemp("broker"), SEED, ORDERS, broker.servers) as running:
        await running.client.send_all(running.take(3))
        for end in (broker.stop, broker.kill):
            await asyncio.to_thread(end)
            sending = asyncio.create_task(running.client.send_all(running.take(3), 0.05))
            await asyncio.sleep(DOWN_SECONDS)
            reader = await running.driver.as_role("auditor")
            answer = await reader.get("/v1/kpis/sales_amount/values", params=READ)
            assert answer.status_code == 200, "reads go on while the log is down"
            assert answer.json()["as_of"]
            assert [await health(running, name) for name in WITHOUT_READS] == [(200, 503)] * len(WITHOUT_READS)
            await asyncio.to_thread(broker.start)
            await sending
        assert set(running.client.statuses) == {202, 503}
        assert await running.checker.check() == []
        trap = running.cluster.kill_at("kpi-worker-1", COMMITTED)
        await running.client.send_all(running.take(2))
        await asyncio.wait_for(trap.sprung.wait(), SPRUNG_SECONDS)
        await running.cluster.rise("kpi-worker-1")
        assert await running.checker.check(thoroughly=True) == []
