"""I9: what was told to one installation, told to an empty one, gives equal facts, values, credits and net postings.

And the new one goes on from there, on either log.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from merit import embedded, moving, moving_file
from merit.embedded import Schemas
from merit.home import Installation, MeritError
from services.auth.tables import AuthTable
from services.incentive.tables import IncentiveTable
from services.ingest.tables import IngestTable
from services.kpi.tables import KpiTable
from tests.conftest import KafkaBroker, NewDatabase
from tests.faults.cluster import opened
from tests.faults.conftest import LOGS
from tests.faults.scenario import order
from tests.journeys.conftest import merit_on
from tests.journeys.driver import Driver, eventually
from tests.journeys.plans import COMPONENTS
from tests.oracle import figures, synthetic
from tests.oracle.generate import Generated, generate
from tests.oracle.periods import between

ORDERS, SEED = 120, 5
FACTS = [f"{kind}_fact" for kind in ("order", "order_line", "opportunity", "payment", "case", "survey", "followup")]
KEPT = {
    "kpi": (
        *(f"select to_json(f)::text from {table} f order by 1" for table in FACTS),
        "select measure_id, kind, subject, day::text, sum(value)::text, sum(facts) from slice group by 1, 2, 3, 4"
        " having sum(facts) > 0 order by 1, 2, 3, 4",
        "select kpi, kind, subject, grain, period_from::text, definition_version, value from announced_value"
        " order by 1, 2, 3, 4, 5",
        "select key, version, body::text, published_at::text from definition order by 1, 2",
        "select to_json(t)::text from target t order by 1",
        "select to_json(r)::text from rate r order by 1",
        "select to_json(c)::text from conversion c order by 1",
        "select to_json(f)::text from custom_field f order by 1",
    ),
    "incentive": (
        "select to_json(c)::text from credit c order by 1",
        "select line_id, account, sum(amount_minor)::text from ledger_entry join ledger_posting using (entry_id)"
        " group by 1, 2 having sum(amount_minor) <> 0 order by 1, 2",
        "select to_json(t)::text from target_version t order by 1",
        "select to_json(p)::text from payee_parameter_version p order by 1",
        "select to_json(p)::text from plan_version p order by 1",
    ),
    "auth": (
        "select to_json(p)::text from person p order by 1",
        "select to_json(m)::text from membership m order by 1",
    ),
    "ingest": (
        "select to_json(q)::text from quarantine q order by 1",
        "select to_json(e)::text from quarantine_edit e order by 1",
        "select to_json(s)::text from seen s order by 1",
        "select day, source, type, rep_id, duplicate, quarantined, conflict, resolved, discarded from door_count"
        " order by 1, 2, 3, 4, 5, 6",
        "select to_json(f)::text from custom_field f order by 1",
    ),
}
"""What must be equal. Not compared, as I9 says: version numbers of values, intermediate corrections, and the instants
and reasons that depend on when something was read."""
STRUCTURED = {"content-type": "application/cloudevents+json"}
MADE_ANEW = {
    "auth": {"signing_key", "outbox"},
    "ingest": {"outbox"},
    "kpi": {"position", "outbox", "dead_letter", "seen", "repeated_id", "conflict", "object_history", "custom_field"}
    | set(FACTS)
    | {"slice", "key_day", "key_slice", "changed", "announced_value", "person", "span", "target", "calendar"}
    | {"conversion", "restating"}
    | {"making", "counting", "remark"}
    | {"event_stream", "event_count", "waiting_event", "door_count"},
    "incentive": {
        "position",
        "outbox",
        "dead_letter",
        "seen",
        "order_history",
        "credit",
        "rate",
        "person",
        "membership",
    }
    | {"rate", "due", "line", "ledger_entry", "ledger_posting"},
}
"""The tables that the log makes, or that belong to one installation."""


@dataclass(frozen=True)
class Origin:
    """An installation that was told half of a history, at rest, and its export."""

    generated: Generated
    schemas: Schemas
    file: Path
    moved: moving.Moved
    everything: dict[str, list[Any]]


def schemas_of(dsn: str) -> Schemas:
    return Schemas(dsn, {name: f"{name}-of-a-test" for name in (*embedded.SERVICES, "log")})


async def kept(running: Any) -> dict[str, list[Any]]:
    """All that must be equal, as the databases have it."""
    found = {}
    for service, queries in KEPT.items():
        async with running.database(service) as conn:
            for query in queries:
                found[query] = [tuple(row) for row in await conn.fetch(query)]
    return found


async def settled(driver: Driver, generated: Generated, batches: int) -> None:
    """Wait until all is as the oracle says after so many batches."""
    sent = [event for batch in generated.batches[:batches] for event in batch]
    truth = figures.truth(replace(generated.company, events=sent), COMPONENTS)
    span = synthetic.FIRST_DAY, synthetic.FIRST_DAY.replace(year=2014)
    windows = list(between("month", *span))

    async def differences() -> list[str]:
        found = figures.different(truth.earnings(), await driver.earnings())
        answered = await driver.values("sales_amount", "rep", span, "month")
        return found + truth.differences("sales_amount", "rep", windows, "month", answered)

    await eventually(differences)


async def at_rest(running: Any) -> None:
    """Wait until nothing waits to be announced or settled."""
    waiting = [
        ("kpi", "restating"),
        ("kpi", "changed"),
        ("incentive", "due"),
        *((name, "outbox") for name in ("ingest", "kpi", "incentive")),
    ]
    for service, table in waiting:
        async with asyncio.timeout(60), running.database(service) as conn:
            while await conn.fetchval(f"select count(*) from {table}"):
                await asyncio.sleep(0.1)


@pytest.fixture(scope="module")
async def origin(new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory) -> Origin:
    dsn = await new_database()
    generated = generate(synthetic.company(SEED, ORDERS), SEED)
    half = len(generated.batches) // 2
    async with merit_on(dsn) as driver:
        await driver.found(generated.company)
        admin = await driver.as_role("admin")
        margin = {"type": "decimal", "event_types": ["crm.credit_note.issued.v1"]}
        assert (await admin.put("/v1/custom-fields/margin", json=margin)).status_code == 200
        rates = {"items": [{"currency": "EUR", "valid_from": "2000-01-01", "rate": "1.0834"}]}
        assert (await (await driver.as_role("finance")).post("/v1/rates", json=rates)).is_success
        for batch in [[order("abroad", "10", rep=None, currency="EUR")], *generated.batches[:half]]:
            await driver.send(*batch)
        bad = {"specversion": "1.0", "id": "bad", "source": "/x", "type": "crm.order.placed.v1", "data": {}}
        client = await driver.as_role("integration")
        (kept_bad,) = (await client.post("/v1/events", json=bad, headers=STRUCTURED)).json()["results"]
        admin = await driver.as_role("admin")
        await admin.patch(f"/v1/quarantine/{kept_bad['quarantine_id']}", json={"data": {"order_id": "bad"}})
        await driver.caught_up()
        await settled(driver, generated, half)
        await at_rest(driver.running)
        everything = await kept(driver.running)
        bus, file = driver.running.bus, tmp_path_factory.mktemp("moving") / "export.jsonl"
        moved = await moving.export(schemas_of(dsn), bus, Installation("UTC", "USD"), file)
    return Origin(generated, schemas_of(dsn), file, moved, everything)


@asynccontextmanager
async def embedded_elsewhere(dsn: str, origin: Origin, _: Path) -> AsyncIterator[Driver]:
    """An empty embedded installation that took the file."""
    async with embedded.running(admin_dsn=dsn):
        pass  # prepared, and its shipped definitions published
    schemas = schemas_of(dsn)
    bus = await moving.postgres_bus.PostgresBus.open(schemas.dsn("log"))
    await moving.bring(schemas, bus, origin.file)
    await bus.close()
    async with merit_on(dsn) as driver:
        yield driver


def on_kafka(broker: KafkaBroker) -> Callable[..., Any]:
    """A cluster on Kafka that was told nothing yet, and takes the file while its processes run."""

    @asynccontextmanager
    async def elsewhere(dsn: str, origin: Origin, logs: Path) -> AsyncIterator[Driver]:
        async with opened(dsn, logs, broker.servers) as cluster, Driver(cluster) as driver:  # type: ignore[arg-type]
            await moving.import_to_cluster(dsn, broker.servers, origin.file)
            yield driver

    return elsewhere


@pytest.mark.parametrize("log", LOGS)
async def test_an_empty_installation_becomes_equal_and_goes_on(
    origin: Origin,
    log: str,
    new_database: Callable[[], Awaitable[str]],
    new_broker: Callable[[], KafkaBroker],
    tmp_path: Path,
) -> None:
    elsewhere = on_kafka(new_broker()) if log == "kafka" else embedded_elsewhere
    generated = origin.generated
    half = len(generated.batches) // 2
    async with elsewhere(await new_database(), origin, tmp_path) as driver:
        await settled(driver, generated, half)
        await at_rest(driver.running)
        again = await kept(driver.running)
        for query, rows in origin.everything.items():
            assert again[query] == rows, query
        assert sum(map(len, again.values())) > 1000
        answer = await driver.send(*generated.batches[0])
        assert answer["accepted"] == 0
        for batch in generated.batches[half:]:
            await driver.send(*batch)
        await driver.caught_up()
        await settled(driver, generated, len(generated.batches))


async def test_the_file_is_private_and_says_what_it_holds(origin: Origin) -> None:
    lines = list(moving_file.read(origin.file))
    assert origin.file.stat().st_mode & 0o077 == 0
    assert sum("table" in line for line in lines) == origin.moved.rows
    assert sum("topic" in line for line in lines) == origin.moved.records
    assert lines[0]["zone"] == "UTC"


async def test_an_installation_that_was_used_takes_nothing(origin: Origin) -> None:
    bus = await moving.postgres_bus.PostgresBus.open(origin.schemas.dsn("log"))
    with pytest.raises(MeritError, match="is not empty"):
        await moving.bring(origin.schemas, bus, origin.file)
    await bus.close()


@pytest.mark.parametrize("bytes_left", [0, 1, 100, -2, -20])
async def test_a_file_that_was_cut_off_is_refused_before_anything_is_written(
    origin: Origin, bytes_left: int, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.jsonl"
    cut.write_bytes(origin.file.read_bytes()[:bytes_left])
    with pytest.raises(MeritError):
        list(moving_file.read(cut))


def test_every_table_is_moved_or_made_anew() -> None:
    """A new table must be thought of: is it told from outside (moved), or does the log make it?"""
    tables = {"auth": AuthTable, "ingest": IngestTable, "kpi": KpiTable, "incentive": IncentiveTable}
    for service, root in tables.items():
        assert set(root.metadata.tables) == set(moving.MOVED[service]) | MADE_ANEW[service]
