"""Where a run takes place: one Kafka and one PostgreSQL for all stages, a fresh database and topics for each case."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from benchmarks.settings import ROOT, Settings
from chassis import db
from chassis.bus import LogUnavailable
from chassis.kafka_bus import KafkaBus
from contracts.topics import TOPICS, Topic
from merit import embedded, embedded_postgres
from merit.embedded import Schemas
from merit.embedded_postgres import Postgres
from merit.home import Home, Installation
from tools.cluster.layout import Layout, Spec
from tools.cluster.opened import Cluster, free_ports
from tools.cluster.supervisor import Supervisor

KAFKA = ROOT / "tools" / "kafka" / "kafka.py"
TOPICS_TRIES_MAX = 50
RETRY_SECONDS = 0.2
KPI_WITH = "benchmarks.kpi_with"


class CannotRun(Exception):
    """The benchmark cannot run here; the text says why."""


@dataclass(frozen=True)
class BenchLayout(Layout):
    """A cluster's processes as ``make cluster`` starts them; ``definitions``: the folder of those that kpi ships
    instead of its own."""

    definitions: Path | None = None

    def specs(self) -> list[Spec]:
        return [self._with_definitions(spec) for spec in super().specs()]

    def _with_definitions(self, spec: Spec) -> Spec:
        if self.definitions is None or spec.module != "services.kpi":
            return spec
        told = {**spec.environment, "MERIT_BENCH_DEFINITIONS": str(self.definitions)}
        return replace(spec, module=KPI_WITH, environment=told)


@dataclass
class Place:
    """The log and the database server. ``bus``: a client of the log, for stages to look at it."""

    settings: Settings
    home: Home
    server: Postgres
    bus: KafkaBus
    _numbers: Iterable[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def pids(self) -> dict[str, int]:
        """The processes beside Merit's own: PostgreSQL's first one, Kafka's if it is ours, and this one."""
        found = {"postgres": int((self.home.postgres / "data" / "postmaster.pid").read_text().split()[0])}
        with suppress(OSError):
            found["kafka"] = int((self.settings.kafka_home / "kafka.pid").read_text())
        return found | {"load": os.getpid()}

    @asynccontextmanager
    async def database(self) -> AsyncIterator[str]:
        """The owner's DSN of an empty database, which is gone afterwards."""
        name = f"bench_{next(iter(self._numbers))}"
        async with db.single(self.server.dsn("postgres")) as conn:
            await conn.execute(f"create database {name}")
        yield self.server.dsn(name)
        async with db.single(self.server.dsn("postgres")) as conn:
            await conn.execute(f"drop database {name} with (force)")

    @asynccontextmanager
    async def merit(self, *names: str, definitions: Path | None = None) -> AsyncIterator[Cluster]:
        """Merit on an empty database and empty topics, with these processes started; more can be started by name."""
        await self.fresh_topics(TOPICS)
        async with self.database() as dsn:
            passwords = embedded.schemas_of(self.home, self.server).passwords
            layout = BenchLayout(
                Schemas(dsn, passwords),
                self.settings.servers,
                Installation("UTC", "USD"),
                free_ports(),
                0.0,
                definitions,
            )
            supervisor = Supervisor(layout, self.home.folder / "logs")
            try:
                await supervisor.prepare()
                if names:
                    await supervisor.start(*names)
                yield Cluster(supervisor, layout)
                await supervisor.stop_all()
            finally:
                supervisor.kill_all()

    async def fresh_topics(self, topics: Sequence[Topic]) -> None:
        """Have these topics, and nothing in them. Raises LogUnavailable."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.settings.servers)
        await admin.start()
        try:
            there = set(await admin.list_topics()) & {topic.name for topic in topics}
            if there:
                await admin.delete_topics(sorted(there))
        except KafkaError as error:
            raise LogUnavailable(f"the topics cannot be emptied: {error!r}") from error
        finally:
            await admin.close()
        for tries_left in reversed(range(TOPICS_TRIES_MAX)):
            try:
                await self.bus.create(topics)
                if not any([sum((await self.bus.ends(topic.name)).values()) for topic in topics]):
                    return
            except LogUnavailable:
                if not tries_left:
                    raise
            await asyncio.sleep(RETRY_SECONDS)  # Kafka deletes a little later than it says
        raise LogUnavailable("the topics do not become empty")


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Place]:
    """Start what a run stands on, and end it; the folder of the database is gone afterwards. Raises CannotRun."""
    home = Home.at(settings.folder)
    with home.lock():
        await _kafka(settings, "start")
        try:
            async with embedded_postgres.started(home) as server:
                bus = KafkaBus(settings.servers)
                try:
                    yield Place(settings, home, server, bus)
                finally:
                    await bus.close()
        finally:
            await _kafka(settings, "stop")
            shutil.rmtree(home.postgres, ignore_errors=True)


async def _kafka(settings: Settings, command: str) -> None:
    if settings.kafka is None:
        place = ("--home", str(settings.kafka_home), "--port", str(settings.kafka_port))
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(KAFKA), command, *place, stdout=subprocess.DEVNULL
        )
        if await process.wait():
            raise CannotRun("Kafka cannot be started: see above")


def pids_of(supervisor: Supervisor, names: Mapping[str, str]) -> dict[str, int]:
    """The processes of a cluster by the names that a table shows: ``{"kpi-worker-1": "worker"}``."""
    return {shown: supervisor.processes[name].pid for name, shown in names.items()}
