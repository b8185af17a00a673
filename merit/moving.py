"""Moving an installation: all that it was told goes into one file, and an empty one goes on from it.

What was told is the log, and what was decided over HTTP (people, definitions, plans, targets, parameters…). Values,
credits and the ledger are not copied: reading the log again makes them, equal to the cent.
"""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from chassis import db, postgres_bus
from chassis.bus import At, Bus, Partition
from chassis.kafka_bus import KafkaBus
from chassis.outbox import Relay
from contracts.topics import CRM_TOPICS, CUSTOM_FIELDS, DIRECTORY_PEOPLE, DOOR_COUNTS, FX_RATES, TARGETS, TOPICS
from merit import embedded, embedded_postgres
from merit.embedded import Schemas
from merit.home import Home, Installation, MeritError
from merit.moving_file import FORMAT, Line, Writer, read, record_line, record_of

CHUNK_LINES = 1_000
MOVED: Mapping[str, Sequence[str]] = {
    "auth": ("person", "team", "membership", "client"),
    "ingest": ("required_fields", "custom_field", "quarantine", "quarantine_edit", "door_count", "seen"),
    "kpi": ("definition", "draft", "rate", "saved"),
    "incentive": ("target", "target_version", "payee_parameter", "payee_parameter_version", "plan_version"),
}
"""The tables that are moved, those that others refer to first. Signing keys stay: each installation has its own."""
REPLAYED = (*CRM_TOPICS, CUSTOM_FIELDS, DOOR_COUNTS, DIRECTORY_PEOPLE, TARGETS, FX_RATES)
"""The topics of what was told and decided. The others are exported too, and made anew by who reads these."""


@dataclass(frozen=True)
class Moved:
    """How much was moved."""

    rows: int
    records: int


async def export_home(home: Home, path: Path) -> Moved:
    """Export the installation of a home. Raises MeritError; Merit must not be running there."""
    if not home.postgres.exists():
        raise MeritError(f"There is no Merit in the home {home.folder}.")
    async with _resting(home, None) as (schemas, bus, chosen):
        return await export(schemas, bus, chosen, path)


async def import_to_home(home: Home, path: Path) -> Moved:
    """Import into a home that is new. Raises MeritError; Merit must not be running there."""
    async with _resting(home, installation_of(path)) as (schemas, bus, _):
        return await bring(schemas, bus, path)


async def import_to_cluster(admin_dsn: str, kafka: str, path: Path) -> Moved:
    """Import into a cluster's database, which every service has migrated and none has used, and into its Kafka.

    Raises MeritError.
    """
    bus = KafkaBus(kafka)
    try:
        await bus.create(TOPICS)
        return await bring(Schemas(admin_dsn, {}), bus, path)
    finally:
        await bus.close()


def installation_of(path: Path) -> Installation:
    """The zone and the currency of an export. Raises MeritError."""
    head = next(read(path))
    return Installation(head["zone"], head["currency"])


@asynccontextmanager
async def _resting(
    home: Home, wanted: Installation | None
) -> AsyncIterator[tuple[Schemas, postgres_bus.PostgresBus, Installation]]:
    """The database and the log of a home in which nothing else works."""
    async with AsyncExitStack() as stack:
        stack.enter_context(home.lock())
        chosen = home.installation(wanted.zone, wanted.currency) if wanted else home.installation(None, None)
        server = await stack.enter_async_context(embedded_postgres.started(home))
        schemas = embedded.schemas_of(home, server)
        await embedded.prepare(schemas)
        bus = await postgres_bus.PostgresBus.open(schemas.dsn(postgres_bus.SCHEMA), alone=True)
        stack.push_async_callback(bus.close)
        await bus.create(TOPICS)
        yield schemas, bus, chosen


async def export(schemas: Schemas, bus: Bus, chosen: Installation, path: Path) -> Moved:
    """Write everything to a file; nothing else may work on the installation meanwhile. Raises MeritError."""
    for service in MOVED:  # what was decided and not yet told belongs on the log first
        await _carry_all(schemas.dsn(service), service, bus)
    ends = {topic.name: await bus.ends(topic.name) for topic in TOPICS}
    rows = records = 0
    with Writer(path) as file:
        shown = {name: {str(p.number): end for p, end in sorted(of.items())} for name, of in ends.items()}
        file.write({"merit": "log", "format": FORMAT, "zone": chosen.zone, "currency": chosen.currency, "ends": shown})
        for schema, tables in MOVED.items():
            for table in tables:
                async for row in _rows(schemas.admin_dsn, schema, table):
                    file.write({"table": f"{schema}.{table}", "row": msgspec.Raw(row.encode())})
                    rows += 1
        for partition, end in sorted(place for of in ends.values() for place in of.items()):
            records += await _export_partition(bus, partition, end, file)
    return Moved(rows, records)


async def _carry_all(dsn: str, schema: str, bus: Bus) -> None:
    database = await db.connect(dsn, schema, connections_max=1)
    try:
        while await Relay(bus, database).carry():
            pass
    finally:
        await database.close()


async def _rows(admin_dsn: str, schema: str, table: str) -> AsyncIterator[str]:
    async with db.single(admin_dsn, schema) as conn, conn.transaction(readonly=True):
        async for row in conn.cursor(f"select to_json(t)::text from {table} t", prefetch=CHUNK_LINES):
            yield row[0]


async def _export_partition(bus: Bus, partition: Partition, end: int, file: Writer) -> int:
    offset = written = 0
    while offset < end:
        for record in await bus.read(At(partition, offset), CHUNK_LINES):
            file.write(record_line(record))
            offset, written = record.offset + 1, written + 1
    return written


async def bring(schemas: Schemas, bus: Bus, path: Path) -> Moved:
    """Read a file into an installation that is prepared and empty. Raises MeritError.

    The rows come in one transaction, once the file was seen to be whole. Should the records break off later, what is
    there is no longer empty: begin again with a new one.
    """
    rows = records = 0
    async with db.single(schemas.admin_dsn) as conn, conn.transaction():
        await _refuse_used(conn, bus)
        await conn.execute("delete from kpi.definition")
        for where, batch in _batches(path, "table"):
            await conn.execute(_insert(where), f"[{','.join(line['row'] for line in batch)}]")
            rows += len(batch)
    for where, batch in _batches(path, "topic"):
        if where in {topic.name for topic in REPLAYED}:
            await _append(bus, where, batch)
            records += len(batch)
    return Moved(rows, records)


async def _refuse_used(conn: db.Connection, bus: Bus) -> None:
    for schema, tables in MOVED.items():
        for table in tables:
            shipped = " where published_by <> 'merit'" if (schema, table) == ("kpi", "definition") else ""
            if await conn.fetchval(f"select exists(select from {schema}.{table}{shipped})"):
                raise MeritError(f"{schema}.{table} is not empty: import into a new installation.")
    for topic in TOPICS:
        if any((await bus.ends(topic.name)).values()):
            raise MeritError(f"The topic {topic.name} is not empty: import into a new installation.")


def _batches(path: Path, what: str) -> Iterator[tuple[str, list[Line]]]:
    """The lines about tables or topics: those of one table, or of one partition, in batches."""
    lines = (line for line in read(path) if what in line)
    for (where, _), same in itertools.groupby(lines, lambda line: (line[what], line.get("partition"))):
        while batch := list(itertools.islice(same, CHUNK_LINES)):
            yield where, batch


def _insert(where: str) -> str:
    schema, _, table = where.partition(".")
    if table not in MOVED.get(schema, ()):
        raise MeritError(f"The export has a table that this Merit does not know: {where}.")
    return (
        f"insert into {schema}.{table} select (jsonb_populate_record(null::{schema}.{table}, item)).*"
        " from jsonb_array_elements($1::text::jsonb) as item"
    )


async def _append(bus: Bus, topic: str, lines: Sequence[Line]) -> None:
    """Append records of one partition; each must come to lie where it lay, as positions were given to clients."""
    places = await bus.append(topic, [record_of(line) for line in lines])
    for line, place in zip(lines, places, strict=True):
        if place != At(Partition(topic, line["partition"]), line["offset"]):
            raise MeritError(
                f"{topic} {line['partition']}.{line['offset']} came to lie at {place.partition.number}.{place.offset}:"
                " the topic has other partitions here, or another writer; begin again with a new installation."
            )
