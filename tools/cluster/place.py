"""Where the cluster of ``make cluster`` lives: its folder, its ports, its database and its Kafka."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merit import embedded, embedded_postgres
from merit.embedded import Schemas
from merit.home import Home
from tools.cluster.layout import NAMES, ROOT, Layout
from tools.cluster.opened import DRAIN_SECONDS

KAFKA = ROOT / "tools" / "kafka" / "kafka.py"
FOLDER = ROOT / ".merit-cluster"
PORT, KAFKA_PORT = 8090, 29192
STATE = "cluster.json"


class CannotRun(Exception):
    """The cluster cannot run here; the text says why."""


@dataclass(frozen=True)
class Place:
    """What the environment says: MERIT_CLUSTER_HOME, MERIT_CLUSTER_PORT (the gateway's; the others follow it),
    MERIT_CLUSTER_POSTGRES (the owner's DSN of a database to use), KAFKA_BOOTSTRAP_SERVERS, MERIT_CLUSTER_KAFKA_PORT
    (of a Kafka of its own)."""

    home: Home
    port: int
    postgres: str | None
    kafka: str | None
    kafka_port: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Place:
        return cls(
            Home.at(Path(environment.get("MERIT_CLUSTER_HOME") or FOLDER)),
            int(environment.get("MERIT_CLUSTER_PORT") or PORT),
            environment.get("MERIT_CLUSTER_POSTGRES") or None,
            environment.get("KAFKA_BOOTSTRAP_SERVERS") or None,
            int(environment.get("MERIT_CLUSTER_KAFKA_PORT") or KAFKA_PORT),
        )

    @property
    def logs(self) -> Path:
        return self.home.folder / "logs"

    @property
    def state(self) -> dict[str, Any] | None:
        """The supervisor's ``pid``, whether all is ``ready``, and the processes' ``pids`` by name; None: none runs."""
        with suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self.home.folder / STATE).read_text())
            if _is_ours(found["pid"]):
                return found
        return None

    def write_state(self, ready: bool, pids: Mapping[str, int]) -> None:
        text = json.dumps({"pid": os.getpid(), "ready": ready, "pids": pids})
        self.home.write_private(self.home.folder / STATE, text)

    def end_leftovers(self) -> None:
        """Kill the processes of a supervisor that was killed itself: they have our ports."""
        with suppress(OSError, ValueError):
            for pid in json.loads((self.home.folder / STATE).read_text())["pids"].values():
                if _is_ours(pid):
                    os.kill(pid, signal.SIGKILL)

    def attached(self) -> Layout:
        """The layout of the cluster that runs here now. Raises MeritError when its database does not."""
        if self.postgres:
            return self._layout(self._schemas(self.postgres))
        return self._layout(embedded.schemas_of(self.home, embedded_postgres.attach(self.home)))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Layout]:
        """The database and Kafka, started here unless the environment names them. The caller holds the home's lock."""
        if self.kafka is None:
            await self._kafka("start")
        try:
            if self.postgres:
                yield self._layout(self._schemas(self.postgres))
            else:
                async with embedded_postgres.started(self.home) as server:
                    yield self._layout(embedded.schemas_of(self.home, server))
        finally:
            if self.kafka is None:
                await self._kafka("stop")

    def _schemas(self, admin_dsn: str) -> Schemas:
        return Schemas(admin_dsn, {name: self.home.secret(f"postgres-{name}") for name in embedded.SERVICES})

    def _layout(self, schemas: Schemas) -> Layout:
        others = [name for name in NAMES if name != "gateway"]
        ports = {"gateway": self.port} | {name: self.port + number for number, name in enumerate(others, 1)}
        servers = self.kafka or f"127.0.0.1:{self.kafka_port}"
        return Layout(schemas, servers, self.home.installation(None, None), ports, DRAIN_SECONDS)

    async def _kafka(self, command: str) -> None:
        place = ("--home", str(self.home.folder / "kafka"), "--port", str(self.kafka_port))
        process = await asyncio.create_subprocess_exec(sys.executable, str(KAFKA), command, *place)
        if await process.wait():
            raise CannotRun("Kafka cannot be started: see above")


def _is_ours(pid: int) -> bool:
    """Whether a process that we once started is still that one; a pid may belong to something else by now."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"-m" in line and any(part.startswith((b"services.", b"gateway", b"tools.cluster")) for part in line)
