"""The migrations make the tables that the code names, and the run-time role owns nothing."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.ingest.tables import IngestTable


async def test_migrations_and_tables_do_not_drift(dsn: str) -> None:
    async def dial(*_: Any, **__: Any) -> Any:
        return await asyncpg.connect(dsn)

    def differences(connection: Any) -> Any:
        connection.execute(text("set search_path to ingest"))
        connection.dialect.default_schema_name = "ingest"
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return [d for d in compare_metadata(context, IngestTable.metadata) if "alembic_version" not in str(d)]

    engine = create_async_engine("postgresql+asyncpg://", async_creator=dial)
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


async def test_the_run_time_role_cannot_change_the_tables(door: Any) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with door.database.transaction() as conn:
            await conn.execute("drop table seen")
