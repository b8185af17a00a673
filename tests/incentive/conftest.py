"""What the tests of pay share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest

from chassis.db import connect, migrate, prepare, role_of
from chassis.postgres_bus import PostgresBus
from chassis.tokens import Verifier
from services.incentive.__main__ import MIGRATIONS, SCHEMA, build
from services.incentive.settings import IncentiveSettings
from tests.incentive.desk import Desk
from tests.incentive.plan_documents import ACCELERATED, BONUS, COMMISSION, Q1, plan
from tests.incentive.running import ISSUER, PASSWORD, DrivenClock, Shop, as_role, keys

TABLES = (
    "person, membership, seen, order_history, credit, due, line, ledger_posting, ledger_entry, target, target_version,"
    " payee_parameter, payee_parameter_version, plan_version, rate, outbox, position, dead_letter"
)


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="session")
async def incentive_settings(new_database: Callable[[], Awaitable[str]]) -> IncentiveSettings:
    dsn = await new_database()
    await prepare(dsn, SCHEMA, PASSWORD)
    await asyncio.to_thread(migrate, dsn, SCHEMA, MIGRATIONS)
    runtime = as_role(dsn, role_of(SCHEMA))
    return IncentiveSettings(
        database_url=runtime, admin_database_url=dsn, bus_url=dsn, issuer=ISSUER, connections_max=4
    )


@pytest.fixture
async def shop(incentive_settings: IncentiveSettings) -> AsyncIterator[Shop]:
    """A running incentive with empty tables. Only the owner can empty a ledger, with its triggers off."""
    owner = await connect(str(incentive_settings.admin_database_url), SCHEMA, 1)
    async with owner.transaction() as conn:
        await conn.execute("set local session_replication_role = replica")
        await conn.execute("; ".join(f"delete from {table}" for table in TABLES.split(", ")))
    clock = DrivenClock()
    bus = PostgresBus(owner)
    service = await build(incentive_settings, bus=bus, clock=clock, verifier=Verifier(ISSUER, keys, clock))
    database = await connect(incentive_settings.database_url, SCHEMA, 4)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=service.app), base_url=ISSUER) as http:
        yield Shop(service, database, clock, http)
    await database.close()
    assert service.close is not None
    await service.close()
    await owner.close()


@pytest.fixture
async def open_shop(shop: Shop) -> Shop:
    """ann and bob sell at 1 % and 2 %, with quotas of 1,000 in the first quarter, under two plans."""
    await shop.people("ann", "bob")
    await shop.parameters(
        ("ann", "commission_rate", "0.01"), ("ann", "bonus", "50"), ("bob", "commission_rate", "0.02")
    )
    await shop.targets(("ann", *Q1, "1000"), ("bob", *Q1, "1000"))
    await shop.plan("standard", plan(COMMISSION, BONUS))
    await shop.plan("accelerator", plan(ACCELERATED))
    return shop
