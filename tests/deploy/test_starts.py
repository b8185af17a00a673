"""Each container's command starts as a process with the environment that the compose file gives it, and ends in order.

Only the addresses are others: PostgreSQL, Kafka and the processes themselves are on loopback here.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import sysconfig
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.conftest import KafkaBroker, NewDatabase
from tests.deploy.reading import ROOT, Container, compose, in_compose

MIGRATE_SECONDS_MAX = 120.0
READY_SECONDS_MAX = 90.0
END_SECONDS_MAX = 50.0
PARTS = (sys.executable, "tools/image.py", "parts")
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH")
_AS_IN_AN_IMAGE = f"""
import runpy, sys
sys.path[:0] = [".", {sysconfig.get_path("purelib")!r}]
runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
"""
PYTHON_M = [sys.executable, "-I", "-S", "-c", _AS_IN_AN_IMAGE]
"""``python -m`` over the current folder and the libraries: without this project, which is installed as editable."""
RUNNING = [one for one in in_compose() if one.command != "migrate"]


@dataclass
class Here:
    """Where the servers are, a port for each process, and a folder with the parts of each image."""

    admin_dsn: str
    kafka: str
    ports: Mapping[str, int]
    folder: Path

    def environment(self, one: Container) -> dict[str, str]:
        """What a container of the compose file is told, with the addresses of here."""
        told = {name: self._value(str(value)) for name, value in one.environment.items()}
        told["HOME"] = "/tmp"
        told[f"{one.service.upper()}_PORT"] = str(self.ports[one.name])
        told["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://127.0.0.1:9"  # a collector that is down slows nothing
        return {name: os.environ[name] for name in KEPT if name in os.environ} | told

    def _value(self, value: str) -> str:
        if value.startswith("postgresql://"):
            return self._dsn(value)
        value = re.sub(r"\bkafka:9092\b", self.kafka, value)
        return re.sub(r"//([a-z-]+):8000\b", lambda m: f"//127.0.0.1:{self.ports[m[1]]}", value)

    def _dsn(self, value: str) -> str:
        admin, wanted = urlsplit(self.admin_dsn), urlsplit(value)
        if wanted.username == compose()["services"]["postgres"]["environment"]["POSTGRES_USER"]:
            return self.admin_dsn
        place = admin.netloc.rpartition("@")[2]
        return admin._replace(netloc=f"{wanted.username}:{wanted.password}@{place}").geturl()

    def start(self, one: Container) -> subprocess.Popen[bytes]:
        """Start it in the folder that its image would have."""
        with self.log(one).open("wb") as log:
            return subprocess.Popen(
                [*PYTHON_M, *one.arguments],
                cwd=self.folder / one.service,
                env=self.environment(one),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, one: Container) -> Path:
        return self.folder / f"{one.name}.log"


@pytest.fixture(scope="session")
async def started(
    new_broker: Callable[[], KafkaBroker], new_database: NewDatabase, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Here, dict[str, subprocess.Popen[bytes]]]]:
    """Everything of the compose file, migrated and then started all at once."""
    folder = tmp_path_factory.mktemp("deployed")
    here = Here(await new_database(), new_broker().servers, free_ports(), folder)
    for service in {one.service for one in in_compose()}:
        await asyncio.to_thread(subprocess.run, [*PARTS, service, str(folder / service)], cwd=ROOT, check=True)
    jobs = [one for one in in_compose() if one.command == "migrate"]
    for one, process in [(one, here.start(one)) for one in jobs]:
        code = await asyncio.to_thread(process.wait, MIGRATE_SECONDS_MAX)
        assert code == 0, here.log(one).read_text()
    processes = {one.name: here.start(one) for one in RUNNING}
    yield here, processes
    for process in processes.values():
        if process.poll() is None:
            process.kill()
            process.wait()


def free_ports() -> dict[str, int]:
    taken = {one.name: socket.create_server(("127.0.0.1", 0)) for one in in_compose()}
    ports = {name: one.getsockname()[1] for name, one in taken.items()}
    for one in taken.values():
        one.close()
    return ports


@pytest.mark.parametrize("one", RUNNING, ids=lambda one: one.name)
async def test_a_container_starts_and_is_ready(started, one):
    here, processes = started
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.ports[one.name]}", trust_env=False) as http:
        for path in ("/livez", "/startupz", "/readyz"):
            assert await answers(http, path, processes[one.name]) == 200, here.log(one).read_text()


async def answers(http: httpx.AsyncClient, path: str, process: subprocess.Popen[bytes]) -> int:
    """The status once it is 200, else the last one (0: none) when the process has ended or the time is over."""
    deadline = asyncio.get_running_loop().time() + READY_SECONDS_MAX
    status = 0
    while status != 200 and process.poll() is None and asyncio.get_running_loop().time() < deadline:
        try:
            status = (await http.get(path)).status_code
        except httpx.TransportError:
            await asyncio.sleep(0.2)
    return status


async def test_they_are_one_merit(started):
    """The gateway answers for all of them: their routes, and who may not come in."""
    here, _ = started
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.ports['gateway']}", trust_env=False) as http:
        assert (await http.get("/readyz")).json()["services"] == dict.fromkeys(
            ("ingest", "kpi", "incentive", "auth"), "ok"
        )
        assert (await http.get("/v1/kpis")).status_code == 401
        assert "/v1/events" in (await http.get("/openapi.json")).json()["paths"]


async def test_the_first_admin_signs_in(started):
    here, _ = started
    api = next(one for one in RUNNING if one.name == "auth-api")
    line = [*PYTHON_M, "services.auth", "first-admin"]
    done = await asyncio.to_thread(
        subprocess.run, line, cwd=here.folder / "auth", env=here.environment(api), capture_output=True, text=True
    )
    form = dict(re.findall(r"^(client_\w+)=(\S+)$", done.stdout, re.MULTILINE)) | {"grant_type": "client_credentials"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{here.ports['gateway']}", trust_env=False) as http:
        token = (await http.post("/oauth/token", data=form)).raise_for_status().json()["access_token"]
        answer = await http.get("/v1/roles", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert answer.json()["items"]


async def test_each_ends_in_order_when_it_is_told(started):
    """Last, as it is the end: SIGTERM to all of them, exit code 0 within the time that the compose file grants."""
    here, processes = started
    for process in processes.values():
        process.send_signal(signal.SIGTERM)
    for one in RUNNING:
        code = await asyncio.to_thread(processes[one.name].wait, END_SECONDS_MAX)
        assert code == 0, f"{one.name}: {here.log(one).read_text()}"
