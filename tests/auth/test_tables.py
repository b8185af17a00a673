"""The migrations make the tables that the code describes."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from chassis.db import connect
from services.auth.settings import AuthSettings
from services.auth.tables import AuthTable


async def test_tables_and_migrations_do_not_drift(auth_settings: AuthSettings) -> None:
    async def dial(*_: Any, **__: Any) -> Any:
        return await asyncpg.connect(auth_settings.admin_database_url)

    def compare(connection: Any) -> list[Any]:
        connection.execute(text("set search_path to auth"))
        connection.dialect.default_schema_name = "auth"
        options = {"compare_type": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), AuthTable.metadata)
        return [difference for difference in found if "alembic_version" not in str(difference)]

    engine = create_async_engine("postgresql+asyncpg://", async_creator=dial)
    async with engine.connect() as connection:
        assert await connection.run_sync(compare) == []
    await engine.dispose()


async def test_the_run_time_role_owns_nothing(auth_settings: AuthSettings) -> None:
    database = await connect(auth_settings.database_url, "auth", 1)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.transaction() as conn:
            await conn.execute("drop table person")
    await asyncio.sleep(0)
    await database.close()
