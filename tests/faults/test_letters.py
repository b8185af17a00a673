"""F17 and F18: what cannot be handled is kept, others go on, and people decide about it over the API."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from chassis.bus import Outgoing, format_positions
from chassis.dead_letters import BEHIND
from contracts.topics import CRM_SALES
from tests.faults.scenario import Run, order

READERS = ("kpi", "incentive")
KEPT = {"kpi": ("object_history", "object_id"), "incentive": ("order_history", "order_id")}
"""Where each keeps what it knows of an order."""
HELD_SECONDS_MAX = 30.0
CURSED = "cursed"


async def letters(run: Run, service: str, **query: Any) -> list[dict[str, Any]]:
    """The dead letters of a service, as its API tells them."""
    return await run.driver.items(f"/v1/dead-letters/{service}", **query)


async def decide(run: Run, service: str, letter: dict[str, Any], decision: str) -> tuple[int, dict[str, Any]]:
    """Replay or discard a letter: the status and the answer."""
    admin = await run.driver.as_role("admin")
    answer = await admin.post(f"/v1/dead-letters/{service}/{letter['dead_letter_id']}/{decision}")
    return answer.status_code, answer.json()


async def test_f17_poison_becomes_a_dead_letter_and_the_partition_moves_on(running: Run) -> None:
    poison = [Outgoing(b"poison", b"\xff no event", (("a", b"\x00"),)), Outgoing(b"fifty", b'{"specversion": "1.0"}')]
    places = await running.cluster.bus.append(CRM_SALES.name, poison)
    await running.client.send([order("after-poison", "5")])
    running.checker.poison += 2 * len(poison)
    assert await running.checker.check() == []
    reader = await running.driver.as_role("auditor")
    for service in READERS:
        listed = await letters(running, service)
        assert {letter["dead_letter_id"] for letter in listed} == {format_positions({p: o}) for p, o in places}
        assert all(letter["reason"] and not letter["holds"] for letter in listed)
        whole = [(await reader.get(f"/v1/dead-letters/{service}/{le['dead_letter_id']}")).json() for le in listed]
        assert {base64.b64decode(letter["value"]) for letter in whole} == {record.value for record in poison}
        assert [{"name": "a", "value": base64.b64encode(b"\x00").decode()}] in [le["headers"] for le in whole]
        status, problem = await decide(running, service, listed[0], "replay")
        assert (status, problem["type"].rpartition("/")[2]) == (409, "still-failing")
        assert len(await letters(running, service)) == len(poison), "what fails again stays"
        for letter in listed:
            assert await decide(running, service, letter, "discard") == (200, {"discarded": 1})
            assert (await decide(running, service, letter, "discard"))[0] == 404
        assert await letters(running, service) == []
    running.checker.poison -= 2 * len(poison)
    assert await running.checker.check() == []


@asynccontextmanager
async def refusing(run: Run, order_id: str) -> AsyncIterator[None]:
    """The databases take nothing about one order: a fault that neither retries nor time will mend."""
    for service in READERS:
        async with run.cluster.database(service) as conn:
            table, column = KEPT[service]
            refusing = f"constraint refusing check ({column} <> '{order_id}') not valid"
            await conn.execute(f"alter table {table} add {refusing}")
    try:
        yield
    finally:
        for service in READERS:
            async with run.cluster.database(service) as conn:
                await conn.execute(f"alter table {KEPT[service][0]} drop constraint refusing")


async def held(run: Run, service: str, count: int) -> list[dict[str, Any]]:
    """Wait until so many letters are held; others come in meanwhile, as they do."""
    async with asyncio.timeout(HELD_SECONDS_MAX):
        while len(found := await letters(run, service, holds=True)) < count:
            await run.client.send_all(run.take(1), 0.2)
    return found


async def test_f18_a_key_that_cannot_be_handled_is_held_in_order_while_the_others_flow(running: Run) -> None:
    story = [order(CURSED, "100"), order(CURSED, "250", type="crm.order.amended.v1", id="more")]
    story[1]["data"]["revision"] = 1
    async with refusing(running, CURSED):
        await running.client.send(story[:1])
        for service in READERS:
            [first] = await held(running, service, 1)
            assert first["key"] == CURSED
            assert "CheckViolationError" in first["reason"]
        await running.client.send(story[1:])
        await running.client.send([order("blessed", "7")])
        for service in READERS:
            _, second = await held(running, service, 2)
            assert (second["key"], second["reason"]) == (CURSED, BEHIND)
            status, _ = await decide(running, service, second, "replay")
            assert status == 409
        running.checker.poison += 2 * len(story)
        assert [one for one in await running.checker.drained() if one] == [], "the others flowed"
        running.checker.poison -= 2 * len(story)
    for service in READERS:
        last = (await letters(running, service, holds=True))[-1]
        assert await decide(running, service, last, "replay") == (200, {"replayed": 2, "failed": None})
        assert await letters(running, service) == []
    assert await running.checker.check() == []
