"""Faults of a running cluster, numbered as in the list of what Merit survives; each ends with I1 to I8 checked."""

from __future__ import annotations

import asyncio
import datetime as dt
import resource
from pathlib import Path

from tests.faults.scenario import Run, order
from tests.faults.steps import FETCHED, SENT

SPRUNG_SECONDS = 60.0
BURST_EVENTS, BURST_BATCH = 4000, 500
MEMORY_GROWTH_BYTES_MAX = 150_000_000
PAGE_BYTES = resource.getpagesize()


async def test_f2_the_same_event_50_times_at_once_is_one_fact(running: Run) -> None:
    event = order("fifty", "50")
    running.client.sent.append(event)
    client = await running.driver.as_role("integration")
    headers = {"content-type": "application/cloudevents+json"}
    answers = await asyncio.gather(*(client.post("/v1/events", json=event, headers=headers) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {202}
    outcomes = [answer.json()["results"][0]["outcome"] for answer in answers]
    assert set(outcomes) <= {"accepted", "duplicate"}
    assert "accepted" in outcomes
    assert await running.checker.check() == []


async def test_f3_another_body_under_the_same_identity_is_kept_and_never_applied(running: Run) -> None:
    first, other = order("twofold", "100"), order("twofold", "999", time="2013-03-06T12:00:00Z")
    await running.client.send([first])
    async with running.cluster.database("ingest") as conn:  # the door is advisory: the readers decide alone
        await conn.execute("truncate seen")
    await running.client.send([other])
    await running.client.send([other])
    assert await running.checker.check() == []


async def test_f9_a_worker_that_slept_through_its_replacement_loses_and_works_on(running: Run) -> None:
    wake = asyncio.Event()
    trap = running.cluster.freeze_at("kpi-worker-1", FETCHED, wake)
    await running.client.send_all(running.take(1))
    await asyncio.wait_for(trap.sprung.wait(), SPRUNG_SECONDS)
    await running.cluster.forget_members("kpi")
    await running.cluster.supervisor.start("kpi-worker-2")
    await running.client.send_all(running.take(3))
    assert await running.checker.check() == []
    wake.set()
    await running.client.send_all(running.take(3))
    assert await running.checker.check() == []
    assert "another worker moved the position" in running.cluster.supervisor.log("kpi-worker-1").read_text()
    await running.cluster.supervisor.stop("kpi-worker-2")
    await running.client.send_all(running.take(1))
    assert await running.checker.check() == []


async def test_f20_late_by_months_is_applied_and_says_so(running: Run) -> None:
    await running.client.send([order("late", "12.34", time="2012-02-29T23:59:59Z")])
    assert await running.checker.check() == []
    async with running.cluster.database("kpi") as conn:
        reasons = await conn.fetch(
            "select distinct reason from announced_value where kpi = 'sales_amount' and kind = 'rep'"
            " and subject = 'r1' and period_from = $1 and grain = 'day'",
            dt.date(2012, 2, 29),
        )
    assert [row["reason"] for row in reasons] == ["late"]


async def test_f24_a_burst_drains_in_bounded_memory(running: Run) -> None:
    """The worker stands still while the burst comes, and then has all of it before it."""
    wake = asyncio.Event()
    before = resident_bytes(running, "kpi-worker-1")
    trap = running.cluster.freeze_at("kpi-worker-1", FETCHED, wake)
    burst = [order(f"burst-{n}", "1.5", rep=None, importid="burst") for n in range(BURST_EVENTS)]
    sending = asyncio.create_task(
        running.client.send_all([burst[n : n + BURST_BATCH] for n in range(0, BURST_EVENTS, BURST_BATCH)])
    )
    await asyncio.wait_for(trap.sprung.wait(), SPRUNG_SECONDS)
    await sending
    wake.set()
    assert await running.checker.check() == []
    assert resident_bytes(running, "kpi-worker-1") - before < MEMORY_GROWTH_BYTES_MAX


def resident_bytes(run: Run, name: str) -> int:
    """How much memory a process holds now."""
    pages = Path(f"/proc/{run.cluster.supervisor.processes[name].pid}/statm").read_text().split()[1]
    return int(pages) * PAGE_BYTES


async def test_f29_of_two_relays_one_leads_and_the_other_idles(running: Run) -> None:
    """The leader is stopped in mid-send; the second one waits, and takes over when the first is killed."""
    await running.cluster.supervisor.start("kpi-relay-2")
    await running.client.send_all(running.take(3))
    assert await running.checker.check() == []
    trap = running.cluster.kill_at("kpi-relay", SENT)
    other = running.cluster.kill_at("kpi-relay-2", SENT)
    await running.client.send_all(running.take(2))
    done, _ = await asyncio.wait(
        [asyncio.create_task(t.sprung.wait()) for t in (trap, other)],
        timeout=SPRUNG_SECONDS,
        return_when=asyncio.FIRST_COMPLETED,
    )
    assert done
    await running.cluster.rise("kpi-relay")
    await running.cluster.rise("kpi-relay-2")
    assert await running.checker.check() == []
    await running.cluster.supervisor.stop("kpi-relay-2")


async def test_all_of_it_at_the_end(running: Run) -> None:
    """After every fault of this run: some more, then every KPI, and the whole log once again."""
    await running.client.send_all(running.take(4))
    assert await running.checker.check(thoroughly=True) == []
    assert running.checker.watch.looks > 1
