"""The service as it runs: its loops between the log and the ledger, killed in between and started again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import msgspec
import pytest

from chassis import db, postgres_bus
from chassis.app import Service
from chassis.bus import At, Outgoing, Partition, after, format_positions
from chassis.clock import SystemClock
from chassis.postgres_bus import PostgresBus
from chassis.tokens import Verifier
from contracts.directory import PERSON, Person
from contracts.envelope import Envelope, encode
from contracts.incentive import LedgerEntry
from contracts.topics import CRM_SALES, DIRECTORY_PEOPLE, FX_RATES, INCENTIVE_LEDGER, TARGETS
from services.incentive.__main__ import build
from services.incentive.settings import IncentiveSettings
from tests.incentive.plan_documents import COMMISSION, plan
from tests.incentive.running import ISSUER, NOW, DrivenClock, Shop, keys

PATIENCE_SECONDS = 20


@pytest.fixture
async def bus(incentive_settings: IncentiveSettings) -> AsyncIterator[PostgresBus]:
    dsn = str(incentive_settings.admin_database_url)
    await db.prepare(dsn, "log", "secret")
    await asyncio.to_thread(db.migrate, dsn, "log", postgres_bus.MIGRATIONS)
    bus = await PostgresBus.open(dsn)
    await bus.create([CRM_SALES, DIRECTORY_PEOPLE, FX_RATES, INCENTIVE_LEDGER, TARGETS])
    yield bus
    await bus.close()


@asynccontextmanager
async def running(settings: IncentiveSettings, bus: PostgresBus) -> AsyncIterator[Service]:
    """Every loop at work."""
    service = await build(settings, bus=bus, clock=SystemClock(), verifier=Verifier(ISSUER, keys, DrivenClock()))
    stop = asyncio.Event()
    loops = [asyncio.create_task(loop(stop)) for loop in service.loops.values()]
    yield service
    stop.set()
    await asyncio.gather(*loops)
    assert service.close is not None
    await service.close()


async def earned_after(shop: Shop, service: Service, position: str) -> dict[str, str]:
    """What the service says was earned, once it has counted up to a position."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url=ISSUER) as http:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                answer = await http.get(
                    "/v1/earnings", params={"after": position}, headers={"authorization": f"Bearer {shop.token()}"}
                )
                if answer.status_code != 503:
                    break
        return {item["payee_id"]: item["amount"] for item in answer.json()["items"]}


async def announced(bus: PostgresBus) -> list[LedgerEntry]:
    """Every entry on the log, once the relay has carried them."""
    found = []
    for number in range(INCENTIVE_LEDGER.partitions):
        for record in await bus.read(At(Partition(INCENTIVE_LEDGER.name, number), 0), 1000):
            found.append(msgspec.json.decode(msgspec.json.decode(record.value, type=Envelope).data, type=LedgerEntry))
    return found


async def test_from_the_log_to_the_ledger_and_on_after_a_restart(
    shop: Shop, bus: PostgresBus, incentive_settings: IncentiveSettings
) -> None:
    await shop.plan("p", plan({**COMMISSION, "rate": "0.1"}))
    person = encode(type=PERSON, source="/merit/auth", id="ann/1", time=NOW, data=Person("ann", 1))
    orders = [shop.order(str(n), "2026-02-03", f"{n}.05", "ann") for n in range(1, 11)]
    sent = [Outgoing(event["data"]["order_id"].encode(), json.dumps(event).encode()) for event in orders]
    places = await bus.append(DIRECTORY_PEOPLE.name, [Outgoing(b"ann", person)])
    async with running(incentive_settings, bus) as service:
        places += await bus.append(CRM_SALES.name, sent[:6])
        assert await earned_after(shop, service, format_positions(after(places))) == {"ann": "2.13"}
    places += await bus.append(CRM_SALES.name, sent)
    places += await bus.append(CRM_SALES.name, [Outgoing(b"poison", b"not json")])
    async with running(incentive_settings, bus) as service:
        assert await earned_after(shop, service, format_positions(after(places))) == {"ann": "5.55"}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (
                sum(p.amount_minor for e in await announced(bus) for p in e.postings if "payable" in p.account) != -555
            ):
                await asyncio.sleep(0.1)
    async with shop.database.transaction() as conn:
        assert [row["key"] for row in await conn.fetch("select key from dead_letter")] == [b"poison"]
        assert await conn.fetchval("select count(*) from outbox") == 0
    entries = await announced(bus)
    assert len({entry.entry_id for entry in entries}) == len(entries)
