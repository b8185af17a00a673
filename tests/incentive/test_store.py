"""The database's own guard over the ledger, and that the tables are what the migrations make."""

from __future__ import annotations

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.db import Database, connect
from services.incentive.__main__ import SCHEMA
from services.incentive.settings import IncentiveSettings
from services.incentive.tables import IncentiveTable
from tests.incentive.plan_documents import COMMISSION, plan
from tests.incentive.running import Shop


async def test_migrations_and_tables_do_not_drift(incentive_settings: IncentiveSettings) -> None:
    async def dial(*_: object, **__: object) -> object:
        return await asyncpg.connect(incentive_settings.admin_database_url, server_settings={"search_path": SCHEMA})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=dial)
    async with engine.connect() as connection:
        found = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), IncentiveTable.metadata)
        )
    await engine.dispose()
    assert [change for change in found if "alembic_version" not in str(change)] == []


@pytest.fixture
async def paid(shop: Shop) -> Shop:
    """A ledger with one entry."""
    await shop.people("ann")
    await shop.plan("p", plan({**COMMISSION, "rate": "0.1"}))
    await shop.hear(shop.order("1", "2026-02-03", "100", "ann"))
    assert await shop.earned() == {"ann p/commission 2026-01-01": "10.00"}
    return shop


@pytest.fixture
async def owner(incentive_settings: IncentiveSettings) -> Database:
    return await connect(str(incentive_settings.admin_database_url), SCHEMA, 1)


CHANGES = [
    "update ledger_entry set kind = 'adjustment'",
    "delete from ledger_posting",
    "delete from ledger_entry",
    "update ledger_posting set amount_minor = 0",
]


@pytest.mark.parametrize("change", CHANGES)
async def test_the_run_time_role_may_not_change_the_ledger(paid: Shop, change: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with paid.database.transaction() as conn:
            await conn.execute(change)


@pytest.mark.parametrize("change", [*CHANGES, "truncate ledger_posting, ledger_entry"])
async def test_nor_may_its_owner(paid: Shop, owner: Database, change: str) -> None:
    with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
        async with owner.transaction() as conn:
            await conn.execute(change)
    await owner.close()
    await paid.verify()


ENTRY = (
    "insert into ledger_entry select 'e2', line_id, 2, entry_id, 'adjustment', payee_id, plan, plan_version, component,"
    " window_from, window_to, currency, earned_on, causes, posted_at from ledger_entry"
)


@pytest.mark.parametrize(
    "legs",
    [
        "",
        "insert into ledger_posting values ('e2', 'payable:ann', 0)",
        "insert into ledger_posting values ('e2', 'expense:commission', 5), ('e2', 'payable:ann', -4)",
    ],
)
async def test_an_entry_that_does_not_balance_cannot_commit(paid: Shop, legs: str) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="do not sum to zero" if legs else "has no legs"):
        async with paid.database.transaction() as conn:
            await conn.execute(f"{ENTRY}; {legs}")


async def test_a_leg_cannot_be_added_later(paid: Shop) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="do not sum to zero"):
        async with paid.database.transaction() as conn:
            await conn.execute("insert into ledger_posting select entry_id, 'payable:bob', 1 from ledger_entry")


@pytest.mark.parametrize(
    ("tamper", "check"),
    [
        ("update line set amount_minor = amount_minor + 1", "what is payable is what was earned less what was paid"),
        ("update credit set amount = '200'", "walking everything again gives the ledger"),
        (
            'update line set trace = replace(trace, \'"measure_after":"100"\', \'"measure_after":"101"\')',
            "every trace replays to its line",
        ),
        ("update order_history set causes = '[]'", "every award has a cause that stands"),
    ],
)
async def test_verification_goes_red_when_something_is_wrong(paid: Shop, tamper: str, check: str) -> None:
    await paid.verify()
    async with paid.database.transaction() as conn:
        await conn.execute(tamper)
    found = [c for what in ("ledger", "awards") for c in await paid.ask("GET", f"/v1/verification/{what}")]
    assert check in {c["check"] for c in found if not c["ok"]}


async def test_verification_sees_an_unbalanced_ledger(paid: Shop, owner: Database) -> None:
    async with owner.transaction() as conn:
        await conn.execute("set local session_replication_role = replica")
        await conn.execute("update ledger_posting set amount_minor = 1001 where account like 'expense%'")
    await owner.close()
    wrong = {c["check"] for c in await paid.ask("GET", "/v1/verification/ledger") if not c["ok"]}
    assert wrong == {"the legs of every entry sum to zero", "the ledger nets to zero in every currency"}
