"""Starts, watches, kills and ends the processes of a layout; each writes to a log file of its own."""

from __future__ import annotations

import asyncio
import signal
import subprocess
from pathlib import Path

import httpx

from chassis.process import CLOSE_SECONDS_MAX
from chassis.serving import FINISH_SECONDS_MAX
from tools.cluster.layout import ROOT, Layout, Spec

READY_SECONDS_MAX = 60.0
MIGRATE_SECONDS_MAX = 120.0
LOOK_EVERY_SECONDS = 0.1
ANSWER_SECONDS_MAX = 2.0
SPARE_SECONDS = 5.0
LAST_LINES = 20


class ProcessFailed(Exception):
    """A process did not do what was asked of it; the text has the end of its log."""


class Supervisor:
    """The processes by name. Not for several tasks at once on the same process."""

    def __init__(self, layout: Layout, logs: Path) -> None:
        self.layout, self._logs = layout, logs
        self.specs = {spec.name: spec for spec in layout.specs()}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        logs.mkdir(parents=True, exist_ok=True)

    async def prepare(self) -> None:
        """Roles, schemas, tables and topics: each service's ``migrate``. Raises ProcessFailed."""
        specs = self.layout.migrations()
        waits = [asyncio.to_thread(self._launch(spec).wait, MIGRATE_SECONDS_MAX) for spec in specs]
        for spec, code in zip(specs, await asyncio.gather(*waits), strict=True):
            if code:
                raise self._failure(spec.name, f"ended with {code}")

    async def start(self, *names: str) -> None:
        """Start these processes (none named: all), and wait until each is ready. Raises ProcessFailed."""
        wanted = names or tuple(self.specs)
        for name in wanted:
            self.processes[name] = self._launch(self.specs[name])
        for name in wanted:
            await self.ready(name)

    async def ready(self, name: str) -> None:
        """Wait until a process says that it is ready. Raises ProcessFailed."""
        async with httpx.AsyncClient(timeout=ANSWER_SECONDS_MAX, trust_env=False) as http:
            deadline = asyncio.get_running_loop().time() + READY_SECONDS_MAX
            while not await _says_ok(http, f"{self.specs[name].url}/readyz"):
                if (code := self.processes[name].poll()) is not None:
                    raise self._failure(name, f"ended with {code}")
                if asyncio.get_running_loop().time() > deadline:
                    raise self._failure(name, f"is not ready after {READY_SECONDS_MAX:.0f} s")
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def kill(self, *names: str) -> None:
        """SIGKILL: gone without a word."""
        for name in names:
            self.processes[name].kill()
        for name in names:
            await asyncio.to_thread(self.processes.pop(name).wait)

    async def stop(self, *names: str) -> dict[str, int]:
        """SIGTERM, and each one's exit code. Raises ProcessFailed for one that takes longer than it may."""
        for name in names:
            self.processes[name].send_signal(signal.SIGTERM)
        patience = self.layout.drain_seconds + FINISH_SECONDS_MAX + CLOSE_SECONDS_MAX + SPARE_SECONDS
        codes = {}
        for name in names:
            process = self.processes.pop(name)
            try:
                codes[name] = await asyncio.to_thread(process.wait, patience)
            except subprocess.TimeoutExpired:
                process.kill()
                raise self._failure(name, f"did not end within {patience:.0f} s") from None
        return codes

    async def restart(self, name: str) -> int:
        """Stop in order, and start anew; the exit code of the one that ended. Raises ProcessFailed."""
        code = (await self.stop(name))[name]
        await self.start(name)
        return code

    async def stop_all(self) -> dict[str, int]:
        """In the opposite order of starting: the gateway, the services' APIs, then the rest, so that what was
        accepted is still carried on. Raises ProcessFailed."""
        running = [name for name in reversed(self.specs) if name in self.processes]
        codes: dict[str, int] = {}
        for group in (["gateway"], [n for n in running if n.endswith("-api")], running):
            codes |= await self.stop(*(n for n in group if n in self.processes))
        return codes

    def kill_all(self) -> None:
        """What is still there at the very end goes by force."""
        for process in self.processes.values():
            process.kill()
            process.wait()
        self.processes.clear()

    def mend(self) -> dict[str, int]:
        """Start anew what ended by itself; the exit codes. It waits for nothing, as one may be ready only when another
        one is, or when Kafka is back."""
        codes = {name: code for name, process in self.processes.items() if (code := process.poll()) is not None}
        for name in codes:
            self.processes[name] = self._launch(self.specs[name])
        return codes

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def _launch(self, spec: Spec) -> subprocess.Popen[bytes]:
        with self.log(spec.name).open("ab") as out:  # a session of its own: Ctrl-C is for the supervisor
            return subprocess.Popen(
                spec.line,
                cwd=ROOT,
                env=dict(spec.environment),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def _failure(self, name: str, what: str) -> ProcessFailed:
        last = "\n".join(self.log(name).read_text(errors="replace").splitlines()[-LAST_LINES:])
        return ProcessFailed(f"{name} {what}; the end of {self.log(name)}:\n{last}")


async def _says_ok(http: httpx.AsyncClient, url: str) -> bool:
    """The gateway is ready in part while a service is not: that is not yet what we wait for."""
    try:
        answer = await http.get(url)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and answer.json()["status"] == "ok"
