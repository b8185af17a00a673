"""The checker is checked: with a guard taken out of the product's SQL, on the wire, it goes red; and green before.

The tests build on each other in this order, in one cluster: what one of them broke stays broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.conftest import NewDatabase
from tests.faults.scenario import Run, run
from tests.faults.steps import FETCHED

ORDERS, SEED = 80, 2
SPRUNG_SECONDS = 60.0
NO_OUTBOX = {"a(topic, key, value, n) order by n": "a(topic, key, value, n) where false order by n"}
NO_COMPARE_AND_SET = {" and position.next_offset = m.since and position.epoch <= m.epoch": ""}
NO_DEDUPLICATION = {
    "$3::bytea[]) on conflict do nothing returning pair": "$3::bytea[]) on conflict (pair) do update"
    " set content = excluded.content returning pair"
}


@pytest.fixture(scope="module")
async def doomed(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Run]:
    async with run(await new_database(), tmp_path_factory.mktemp("doomed"), SEED, ORDERS) as started:
        await started.client.send_all(started.take(4))
        yield started


async def without(run: Run, name: str, guard: dict[str, str]) -> None:
    """Start a process anew, with a guard taken out of its SQL."""
    run.cluster.parts.wires[name].rewritten = guard
    await run.cluster.rise(name)


def guard_was_met(run: Run, name: str) -> bool:
    """Whether the guard was in a statement at all: else its absence proves nothing."""
    return run.cluster.parts.wires[name].rewrote > 0


async def test_green_while_every_guard_stands(doomed: Run) -> None:
    assert await doomed.checker.check(thoroughly=True) == []


async def test_red_without_the_outbox(doomed: Run) -> None:
    await without(doomed, "incentive-relay", NO_OUTBOX)
    await doomed.client.send_all(doomed.take(4))
    found = await doomed.checker.check()
    assert guard_was_met(doomed, "incentive-relay")
    assert found
    assert {told[:2] for told in found} == {"I6"}
    await without(doomed, "incentive-relay", {})


async def test_red_without_deduplication(doomed: Run) -> None:
    """The door forgets what it saw (it is advisory), so that only the readers stand against the conflict."""
    first = next(e for e in doomed.client.sent if e["type"] == "crm.order.placed.v1" and e["data"]["amount"] != "0")
    other = first | {"time": "2013-06-29T12:00:00Z", "data": first["data"] | {"amount": "77.77", "revision": 9}}
    await without(doomed, "kpi-worker-1", NO_DEDUPLICATION)
    async with doomed.cluster.database("ingest") as conn:
        await conn.execute("truncate seen")
    await doomed.client.send([other])
    found = await doomed.checker.check()
    assert guard_was_met(doomed, "kpi-worker-1")
    assert {told[:2] for told in found} == {"I6", "I1", "I3"}
    assert any(told.startswith("I3: sales_amount of company") for told in found)


async def test_red_without_the_compare_and_set(doomed: Run) -> None:
    """A worker that slept through its replacement writes where it stood."""
    await without(doomed, "kpi-worker-1", NO_COMPARE_AND_SET)
    await overtaken(doomed)
    assert guard_was_met(doomed, "kpi-worker-1")
    doomed.checker.drain_seconds = 5.0
    found = await doomed.checker.check()
    assert any(told.startswith("I4: ('kpi', 'crm-sales'") for told in found)
    assert any(told.startswith("I8: kpi stands at") for told in found)


async def overtaken(run: Run) -> None:
    """Stop a worker between its fetch and its write, let another work on, and wake it when all is quiet."""
    wake = asyncio.Event()
    trap = run.cluster.freeze_at("kpi-worker-1", FETCHED, wake)
    await run.client.send_all(run.take(1))
    await asyncio.wait_for(trap.sprung.wait(), SPRUNG_SECONDS)
    await run.cluster.forget_members("kpi")
    await run.cluster.supervisor.start("kpi-worker-2")
    await run.client.send_all(run.take(6))
    await run.checker.drained()
    await run.checker.watch.look()
    wake.set()
    await asyncio.sleep(2.0)
