"""One Apache Kafka broker of this folder's own, on loopback: ``python tools/kafka/kafka.py start | stop | status``.

``--home`` (or MERIT_KAFKA_HOME) and ``--port`` (or MERIT_KAFKA_PORT) move it; the controller listens one port above.
MERIT_KAFKA_JAVA_OPTIONS replaces the options of its Java.
Where KAFKA_BOOTSTRAP_SERVERS is set that Kafka is the one to use, and nothing is started or stopped here.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
POM = HERE / "pom.xml"
HOME = HERE.parent.parent / ".merit-kafka"
PORT = 29092
FETCH_SECONDS_MAX = 600
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 20.0
LAST_LINES = 15
MISSING = 3
"""The exit code when what Kafka needs is not installed."""
HEAP = "512m"


class CannotRun(Exception):
    """Kafka cannot run here; the text says what is missing."""


class ToolMissing(CannotRun):
    """Java or Maven is not installed."""


@dataclass(frozen=True)
class Broker:
    """A broker whose data, pid file and log lie in one folder. Its jars are shared by all brokers of this checkout."""

    home: Path
    port: int

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        return self.home / "kafka.log"

    @property
    def _pid_file(self) -> Path:
        return self.home / "kafka.pid"

    @property
    def _properties(self) -> Path:
        return self.home / "server.properties"

    def pid(self) -> int | None:
        """The process, if it runs; a pid that belongs to something else by now does not count."""
        try:
            number = int(self._pid_file.read_text())
            command = Path(f"/proc/{number}/cmdline").read_bytes()
        except (OSError, ValueError):
            return None
        return number if str(self._properties).encode() in command else None

    def start(self) -> None:
        """Fetch and format what is not there yet, and return when the broker answers. Raises CannotRun."""
        if self.pid() is None:
            libs = fetched()
            self.home.mkdir(parents=True, exist_ok=True)
            self._format(libs)
            process = self._launch(libs)
            self._await_answer(lambda: process.poll() is not None)
        else:
            self._await_answer(lambda: self.pid() is None)

    def stop(self) -> None:
        """End the process in good order, or by force after STOP_SECONDS_MAX. Its data stays."""
        if (number := self.pid()) is not None:
            os.kill(number, signal.SIGTERM)
            if not _within(STOP_SECONDS_MAX, lambda: self.pid() is None):
                os.kill(number, signal.SIGKILL)
                _within(STOP_SECONDS_MAX, lambda: self.pid() is None)
        self._pid_file.unlink(missing_ok=True)

    def _format(self, libs: Path) -> None:
        self._properties.write_text(PROPERTIES.format(port=self.port, controller=self.port + 1, home=self.home))
        if (self.home / "data" / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(b"\x00" + secrets.token_bytes(15)).decode().rstrip("=")
        tool = ("kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", str(self._properties))
        done = subprocess.run(_java(libs, *tool), capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRun(f"Kafka's folder could not be formatted: {done.stderr or done.stdout}")

    def _launch(self, libs: Path) -> subprocess.Popen[bytes]:
        for port in (self.port, self.port + 1):
            if _listens(port):
                raise CannotRun(f"port {port} is taken: set MERIT_KAFKA_PORT to another")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                _java(libs, "kafka.Kafka", str(self._properties)),
                cwd=self.home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._pid_file.write_text(str(process.pid))
        return process

    def _await_answer(self, ended: Callable[[], bool]) -> None:
        # whether a process that just began is ours cannot be told by its command line: that may still be empty
        if not _within(START_SECONDS_MAX, lambda: _listens(self.port) or ended()) or ended():
            last = "".join(self.log.read_text(errors="replace").splitlines(keepends=True)[-LAST_LINES:])
            raise CannotRun(f"Kafka did not start; the end of {self.log}:\n{last}")


PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={home}/data
auto.create.topics.enable=false
# one broker only
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=6
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=3
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# groups form at once, and tests may have short sessions
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
"""


def fetched() -> Path:
    """The folder with Kafka's jars, fetched by Maven the first time and when pom.xml has changed. Raises CannotRun."""
    libs = HOME / f"libs-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    for tool in ("java",) if libs.exists() else ("java", "mvn"):
        if shutil.which(tool) is None:
            raise ToolMissing(
                f"`{tool}` is not installed: Kafka needs Java 17 and Maven, or set KAFKA_BOOTSTRAP_SERVERS"
            )
    if libs.exists():
        return libs
    arriving = libs.with_suffix(f".{os.getpid()}")
    copy = ("mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={arriving}")
    done = subprocess.run(copy, capture_output=True, text=True, timeout=FETCH_SECONDS_MAX, check=False)
    if done.returncode:
        raise CannotRun(f"Maven could not fetch Kafka:\n{done.stdout}{done.stderr}")
    if libs.exists():  # somebody else was faster
        shutil.rmtree(arriving)
    else:
        arriving.rename(libs)
    return libs


def _java(libs: Path, *arguments: str) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    options = os.environ.get("MERIT_KAFKA_JAVA_OPTIONS", "-XX:+UseG1GC").split()
    return ["java", f"-Xmx{HEAP}", *options, logging, "-cp", f"{libs}/*", *arguments]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _within(seconds: float, condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def main() -> int:
    """Run one command; the exit code of ``status`` is 0 only while the broker answers."""
    parser = argparse.ArgumentParser(prog="kafka.py", description=__doc__)
    parser.add_argument("command", choices=("start", "stop", "status"))
    parser.add_argument("--home", type=Path, default=os.environ.get("MERIT_KAFKA_HOME") or HOME)
    parser.add_argument("--port", type=int, default=os.environ.get("MERIT_KAFKA_PORT") or PORT)
    given = parser.parse_args()
    if servers := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        print(f"KAFKA_BOOTSTRAP_SERVERS says {servers}: that Kafka is used, this one is left alone")
        return 0
    broker = Broker(Path(given.home).resolve(), given.port)
    try:
        return _run(given.command, broker)
    except CannotRun as error:
        print(error, file=sys.stderr)
        return MISSING if isinstance(error, ToolMissing) else 1


def _run(command: str, broker: Broker) -> int:
    if command == "start":
        broker.start()
    elif command == "stop":
        broker.stop()
    number = broker.pid()
    print(f"Kafka {f'answers on {broker.address} (process {number})' if number else 'is stopped'}; log: {broker.log}")
    return 0 if number or command == "stop" else 1


if __name__ == "__main__":
    sys.exit(main())
