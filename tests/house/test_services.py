"""Every service has the same rooms, a page about itself, and tables that its migrations really make."""

from __future__ import annotations

import asyncio
import importlib

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

from chassis import db

ROOMS = {"__init__", "__main__", "settings", "app", "routes", "consumers", "handlers", "translate", "store", "tables"}
ROOMS |= {"domain", "migrations", "README"}
MUST = {"__init__", "__main__", "settings", "app", "routes", "handlers", "store", "tables", "domain", "migrations"}
DATA = {"kpi": {"definitions", "reports"}}
"""What a service ships as data beside its rooms: kpi's definitions and reports are read, not imported."""


def test_a_service_has_the_rooms_that_every_service_has(service):
    here = {p.stem for p in service.iterdir() if p.name != "__pycache__"}
    strange = here - ROOMS - DATA.get(service.name, set())
    assert not strange, f"{sorted(strange)} is no room: knowing one service is knowing four (docs/decisions)"
    assert here >= MUST, f"{sorted(MUST - here)} is missing"


def test_a_service_has_a_page_about_itself(service):
    page = service / "README.md"
    assert page.exists(), "write its words, what it owns and does not own, its invariants, its topics in and out"
    text = page.read_text(encoding="utf-8").lower()
    missing = [word for word in ("owns", "invariant", "topic") if word not in text]
    assert not missing, f"the page says nothing of {missing}"


async def test_the_tables_are_those_that_the_migrations_make(service, new_database):
    """The schema of record and its migrations say the same: else queries are written for tables that are not."""
    dsn = await new_database()
    await db.prepare(dsn, service.name, "secret")
    await asyncio.to_thread(db.migrate, dsn, service.name, service / "migrations")
    differences = await compare(dsn, service.name, metadata_of(service.name))
    assert not differences, f"write a migration for {differences}"


def metadata_of(service):
    tables = importlib.import_module(f"services.{service}.tables")
    roots = [c for c in vars(tables).values() if isinstance(c, type) and SQLModel in c.__bases__ and not is_table(c)]
    own = [c for c in roots if c.__module__.startswith(tables.__name__) and c.metadata is not SQLModel.metadata]
    assert len(own) == 1, "give the tables a root on the service's own registry: SQLModel's shared one mixes services"
    return own[0].metadata


def is_table(found):
    return isinstance(found, type) and issubclass(found, SQLModel) and hasattr(found, "__table__")


async def compare(dsn, schema, metadata):
    async def dial(*_, **__):
        return await asyncpg.connect(dsn, server_settings={"search_path": schema})

    def differences(connection):
        connection.dialect.default_schema_name = schema
        options = {"include_name": lambda name, kind, _: not (kind == "table" and name == "alembic_version")}
        return compare_metadata(MigrationContext.configure(connection, opts=options), metadata)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=dial)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    return found


@pytest.mark.parametrize("table", ["position", "outbox", "dead_letter"])
def test_what_the_chassis_needs_is_made_from_its_columns(service, table):
    """A service that reads topics or announces takes the chassis' columns, so that they are the same everywhere."""
    mixin = {"position": "PositionColumns", "outbox": "OutboxColumns", "dead_letter": "DeadLetterColumns"}[table]
    tables = importlib.import_module(f"services.{service.name}.tables")
    for found in vars(tables).values():
        if is_table(found) and found.__tablename__ == table:
            assert mixin in {c.__name__ for c in found.__mro__}, f"make {table} from {mixin}"
