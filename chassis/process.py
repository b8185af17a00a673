"""A service as a process of its own: ``python -m services.NAME api | worker | relay | migrate | check``.

How it starts, and how it ends when it is told to (SIGTERM): docs/decisions/a-process-ends-in-order.md.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote, urlsplit

import httpx
import uvloop

from chassis import db, logs, telemetry
from chassis.app import Loop, Service
from chassis.bus import Bus, reach
from chassis.clock import Clock, SystemClock, pause
from chassis.cycles import settle
from chassis.open_bus import open_bus
from chassis.serving import FINISH_SECONDS_MAX, Door, listening
from chassis.settings import ServiceSettings, SettingsInvalid, from_environment
from chassis.telemetry_export import exporting
from chassis.tokens import FetchKeys, Verifier
from contracts.topics import TOPICS

log = logging.getLogger(__name__)

KEYS_SECONDS_MAX = 5.0
CLOSE_SECONDS_MAX = 10.0
"""How long closing a pool or a log may take; then the process ends all the same."""
MIGRATED_EVERY_SECONDS = 1.0
Settings = TypeVar("Settings", bound=ServiceSettings)
SettingsIn = TypeVar("SettingsIn", bound=ServiceSettings, contravariant=True)


class Build(Protocol[SettingsIn]):
    """What a composition root offers: it opens what the service needs and puts it together."""

    def __call__(self, settings: SettingsIn, *, bus: Bus, clock: Clock, verifier: Verifier) -> Awaitable[Service]: ...


Open = Callable[[asyncio.Event], Awaitable[Service | None]]
"""Puts a service together; None when the event was set before that was done."""


def together(*loops: Loop) -> Loop:
    """Several loops as one: each works until the event is set; when one fails, all end and the failure is raised."""

    async def run(stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            for loop in loops:
                group.create_task(loop(stop))

    return run


def keys_over_http(url: str) -> FetchKeys:
    """Gets auth's JWKS document; raises httpx.HTTPError while auth is down (a verifier goes on with what it has)."""

    async def fetch() -> Mapping[str, Any]:
        async with httpx.AsyncClient(timeout=KEYS_SECONDS_MAX, trust_env=False) as client:
            answer = (await client.get(url)).raise_for_status()
            found: Mapping[str, Any] = answer.json()
            return found

    return fetch


def main(
    schema: str,
    settings_type: type[Settings],
    build: Build[Settings],
    migrations: Path,
    loops: tuple[str, ...],
    arguments: list[str] | None = None,
    errands: Mapping[str, Callable[[Settings], Awaitable[str]]] | None = None,
) -> int:
    """Run one command of a service and return the exit code; 2 = its settings are wrong, each problem told.

    ``errands``: commands of this service alone; what they return is printed.
    """
    parser = argparse.ArgumentParser(prog=f"python -m services.{schema}")
    parser.add_argument("command", choices=("api", *loops, "migrate", "check", *(errands or {})))
    command = parser.parse_args(arguments).command
    try:
        settings = from_environment(settings_type)
        if command == "check":
            print(f"the settings of {schema} are complete")
        elif command == "migrate":
            migrate(settings, schema, migrations)
        elif errands and command in errands:
            print(in_loop(errands[command](settings)))
        else:
            loop, opening = None if command == "api" else command, _opening(settings, schema, build, migrations)
            return in_loop(run(opening, settings.port, loop, settings.drain_seconds))
    except SettingsInvalid as error:
        print(error, file=sys.stderr)
        return 2
    return 0


T = TypeVar("T")


def in_loop(work: Awaitable[T]) -> T:
    """Run this in an event loop of its own, with the logs on standard error."""
    try:
        logs.configure()
    except logs.LogFormatInvalid as error:
        raise SystemExit(str(error)) from error

    async def wrapped() -> T:
        return await work

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(wrapped())


def migrate(settings: ServiceSettings, schema: str, migrations: Path) -> None:
    """Make what a service needs before it starts, or bring it up to date: its schema, its run-time role with the
    password of ``database_url``, its tables, and in Kafka the topics that it writes to. As often as one likes.

    Without ``admin_database_url`` the role that ``database_url`` names owns the schema and is there already.
    """
    if settings.admin_database_url:
        role = urlsplit(settings.database_url)
        if role.username != db.role_of(schema):
            raise SystemExit(f"the user in the database_url of {schema} must be {db.role_of(schema)}")
        in_loop(db.prepare(settings.admin_database_url, schema, unquote(role.password or "")))
    db.migrate(settings.admin_database_url or settings.database_url, schema, migrations)
    if settings.bus == "kafka":
        in_loop(_create_topics(settings, schema))


async def _create_topics(settings: ServiceSettings, schema: str) -> None:
    bus = await open_bus(settings)
    try:
        await bus.create(topic for topic in TOPICS if topic.producer == schema)
    finally:
        await bus.close()


def _opening(settings: Settings, schema: str, build: Build[Settings], migrations: Path) -> Open:
    async def opened(stop: asyncio.Event) -> Service | None:
        while not await _migrated(settings.database_url, schema, migrations):
            await pause(MIGRATED_EVERY_SECONDS, stop)
            if stop.is_set():
                return None
        clock = SystemClock()
        bus = await open_bus(settings)
        verifier = Verifier(settings.issuer, keys_over_http(settings.jwks_url), clock)
        service = await build(settings, bus=bus, clock=clock, verifier=verifier)

        async def close() -> None:
            if service.close:
                await service.close()
            await bus.close()

        return Service(service.name, service.app, service.loops, close, partial(reach, bus, schema))

    return opened


async def _migrated(dsn: str, schema: str, migrations: Path) -> bool:
    try:
        if await db.migrated(dsn, schema, migrations):
            return True
        log.warning("%s: waiting for `migrate`", schema)
    except db.DatabaseUnavailable as error:
        log.warning("%s: %s; waiting for it", schema, error)
    return False


async def run(
    opening: Open,
    port: int,
    loop: str | None,
    drain_seconds: float,
    finish_seconds_max: float = FINISH_SECONDS_MAX,
) -> int:
    """Serve a service's API, or run one of its loops (of the API then only the health is served), until SIGTERM or
    SIGINT; returns the exit code. 0 = everything under way was finished, within ``drain_seconds`` (an API only) plus
    ``finish_seconds_max`` plus CLOSE_SECONDS_MAX.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    door = Door(health_only=loop is not None)
    async with listening(door, port, finish_seconds_max) as server, AsyncExitStack() as stack:
        if (service := await opening(stop)) is None:
            return 0
        telemetry.name_service(service.name)
        await stack.enter_async_context(exporting(service.name))
        stack.push_async_callback(_close, service)
        door.app, door.reach = service.app, service.reach if loop else None
        settle()
        if loop is None:
            await _drain(stop, door, drain_seconds)
            return 0 if await server.finish() else 1
        return 0 if await _work(service.loops[loop], stop, door, finish_seconds_max) else 1


async def _drain(stop: asyncio.Event, door: Door, seconds: float) -> None:
    await stop.wait()
    door.draining = True
    await asyncio.sleep(seconds)


async def _work(loop: Loop, stop: asyncio.Event, door: Door, seconds_max: float) -> bool:
    """Run a loop until it is told to stop and has finished what it holds; False when it had to be cut off, or ended
    by itself. Raises what it raises."""
    task, told = asyncio.ensure_future(loop(stop)), asyncio.ensure_future(stop.wait())
    await asyncio.wait([task, told], return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    door.draining = True
    _, late = await asyncio.wait([task], timeout=seconds_max)
    if late:
        log.error("not finished after %.0f s: cut off", seconds_max)
        task.cancel()
        await asyncio.wait([task], timeout=CLOSE_SECONDS_MAX)
        return False
    task.result()
    return stop.is_set()


async def _close(service: Service) -> None:
    if service.close is None:
        return
    try:
        async with asyncio.timeout(CLOSE_SECONDS_MAX):
            await service.close()
    except TimeoutError:
        log.error("%s did not close in %.0f s", service.name, CLOSE_SECONDS_MAX)
