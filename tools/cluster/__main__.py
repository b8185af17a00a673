"""Merit as a cluster on this machine: ``python -m tools.cluster start | stop | status | token ROLE``."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time

from rich import box
from rich.console import Console
from rich.table import Table

from chassis.clock import pause
from chassis.process import in_loop
from merit.home import MeritError
from services.auth.handlers.tokens import CannotIssue
from tools.cluster import opened
from tools.cluster.layout import ROOT, Layout
from tools.cluster.place import CannotRun, Place
from tools.cluster.supervisor import ProcessFailed

START_SECONDS_MAX, STOP_SECONDS_MAX = 300.0, 180.0
LOOK_EVERY_SECONDS = 0.3
WATCH_EVERY_SECONDS = 1.0


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.cluster", description=Place.__doc__)
    parser.add_argument("command", choices=("start", "stop", "status", "token", "run"))
    parser.add_argument("role", nargs="?", default="analyst", help="whom `token` is for")
    given = parser.parse_args(arguments)
    place = Place.of(os.environ)
    try:
        if given.command == "run":
            in_loop(run(place))
        elif given.command == "token":
            print(in_loop(opened.token(place.attached(), role=given.role)))
        else:
            return {"start": start, "stop": stop, "status": status}[given.command](place)
    except (CannotRun, CannotIssue, MeritError, ProcessFailed) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


async def run(place: Place) -> None:
    """Be the supervisor until SIGTERM or SIGINT; a process that ends by itself is started anew."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with place.home.lock():
        place.end_leftovers()
        place.write_state(False, {})
        async with place.opened() as layout, opened.opened(layout, place.logs) as cluster:
            while not stop.is_set():
                place.write_state(True, {n: p.pid for n, p in cluster.supervisor.processes.items()})
                await pause(WATCH_EVERY_SECONDS, stop)
                for name, code in cluster.supervisor.mend().items():
                    print(f"{name} ended with {code}: started anew", file=sys.stderr)


def start(place: Place) -> int:
    """Start a supervisor in the background, and return when every process is ready."""
    process = None
    if place.state is None:
        place.logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (place.logs / "supervisor.log").open("wb") as out:
            line = [sys.executable, "-m", "tools.cluster", "run"]
            process = subprocess.Popen(line, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                       start_new_session=True)  # fmt: skip
    deadline = time.monotonic() + START_SECONDS_MAX
    while (state := place.state) is None or not state["ready"]:
        if (process is not None and process.poll() is not None) or time.monotonic() > deadline:
            told = (place.logs / "supervisor.log").read_text(errors="replace")
            raise CannotRun(f"the cluster did not start; {place.logs / 'supervisor.log'} says:\n{told[-3000:]}")
        time.sleep(LOOK_EVERY_SECONDS)
    return status(place)


def stop(place: Place) -> int:
    """End everything in order; data stays."""
    if (state := place.state) is None:
        print("no cluster runs here")
        return 0
    os.kill(state["pid"], signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS_MAX
    while place.state is not None:
        if time.monotonic() > deadline:
            raise CannotRun(f"the cluster did not stop within {STOP_SECONDS_MAX:.0f} s: see {place.logs}")
        time.sleep(LOOK_EVERY_SECONDS)
    print(f"the cluster is stopped; its data stays in {place.home.folder}")
    return 0


def status(place: Place) -> int:
    """What runs where, and how to get a token; the exit code is 0 only while everything runs."""
    if (state := place.state) is None:
        print("no cluster runs here")
        return 1
    layout, console = place.attached(), Console(highlight=False)
    console.print(_table(layout, state["pids"]))
    for what, where in (
        ("API", f"{layout.issuer}/v1"),
        ("docs", f"{layout.issuer}/docs"),
        ("Kafka", layout.kafka),
        ("PostgreSQL", layout.schemas.admin_dsn.rpartition("@")[2]),
        ("logs", str(place.logs)),
        ("a token", "TOKEN=$(.venv/bin/python -m tools.cluster token analyst)"),
        ("", f"curl -H \"Authorization: Bearer $TOKEN\" '{layout.issuer}/v1/kpis'"),
    ):
        console.print(f"{what:11}{where}", markup=False, soft_wrap=True)
    return 0


def _table(layout: Layout, pids: dict[str, int]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading in ("process", "pid", "port", "command"):
        table.add_column(heading, justify="right" if heading in ("pid", "port") else "left")
    for spec in layout.specs():
        table.add_row(spec.name, str(pids.get(spec.name, "-")), str(spec.port), " ".join(spec.line[1:]))
    return table


if __name__ == "__main__":
    sys.exit(main())
