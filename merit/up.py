"""``merit up``: everything started, told, the sample imported and shown; then it stays until it is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import urlencode

from rich.console import Console
from rich.panel import Panel

from chassis.cycles import settle
from chassis.serving import serving
from merit import findings, local, sample_import
from merit.api import Api, client
from merit.embedded import Running, running
from merit.home import Home, MeritError
from services.auth import __main__ as auth

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
FINISH_SECONDS_MAX = 10


class BrokenDown(Exception):
    """A part of Merit ended by itself; its log line says why."""


@dataclass(frozen=True)
class Wanted:
    """What was asked for on the command line; None means: as the home has it."""

    home: Home
    port: int
    zone: str | None
    currency: str | None
    sample: str | None


async def up(wanted: Wanted, console: Console) -> None:
    """Run Merit until SIGINT or SIGTERM, then stop cleanly. Raises MeritError, and BrokenDown."""
    sample_import.check(wanted.home, wanted.sample, wanted.currency)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    url = f"http://{HOST}:{wanted.port}"
    async with AsyncExitStack() as stack:
        listening = stack.enter_context(_bound(wanted.port))
        with console.status("Starting Merit ..."):
            merit = await stack.enter_async_context(
                running(wanted.home.folder, zone=wanted.zone, currency=wanted.currency, issuer=url)
            )
            await stack.enter_async_context(serving(merit.gateway, listening, FINISH_SECONDS_MAX))
        stack.enter_context(local.announced(wanted.home, url))
        settle()
        await _until(stop, merit, _tell(wanted, merit, url, console))
        console.print("Stopping ...")


@contextmanager
def _bound(port: int) -> Iterator[socket.socket]:
    """The port, ours before anything else is started. Raises MeritError."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((HOST, port))
            listening.listen()
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no port number"
            raise MeritError(f"The port {port} cannot be used ({why}): choose another with --port.") from error
        yield listening


async def _until(stop: asyncio.Event, merit: Running, tell: Coroutine[None, None, None]) -> None:
    """Tell, then wait; both end early when Merit is to stop. Raises BrokenDown."""
    telling = asyncio.create_task(tell)
    waits = [asyncio.create_task(stop.wait()), asyncio.create_task(merit.failed.wait())]
    try:
        await asyncio.wait([telling, *waits], return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            telling.result()
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (telling, *waits):
            task.cancel()
            with suppress(asyncio.CancelledError, MeritError):
                await task
    if merit.failed.is_set():
        raise BrokenDown("a part of Merit ended by itself: its log line above says why")


async def _tell(wanted: Wanted, merit: Running, url: str, console: Console) -> None:
    chosen = merit.installation
    told = {"API": f"{url}/v1", "docs": f"{url}/docs", "data": str(wanted.home.folder)}
    console.print("Merit is up.")
    for what, where in (told | {"zone": chosen.zone, "currency": chosen.currency}).items():
        console.print(f"  {what:9} {where}", highlight=False, markup=False, soft_wrap=True)
    await _show_first_secret(wanted.home, merit, url, console)
    async with client(url) as http:
        api = Api(http, lambda role: merit.token(role=role))
        after = ""
        sample = await sample_import.choose(api, wanted.home, chosen, wanted.sample, console)
        if sample:
            after = await sample_import.bring(api, wanted.home, chosen, sample, merit.clock, console)
        with console.status("Reading what Merit counted ..."):
            found = await findings.find(api, chosen.currency, after)
    if found:
        console.print(found.table())
        if drop := found.sharpest_drop:
            console.print(f"Sharpest drop: {drop.name}, {findings.percent(drop.growth)} against the quarter before.")
    console.print("Merit stays up; Ctrl-C ends it. README.md says what to ask it.")


async def _show_first_secret(home: Home, merit: Running, url: str, console: Console) -> None:
    made = await auth.first_admin(merit.auth_settings, merit.clock)
    if made is None:
        console.print("Sign in as the admin with the secret of the first start, or take a token for ten minutes:")
        console.print(f"  merit token --role admin{home.option}", highlight=False, markup=False, soft_wrap=True)
        return
    text = f"client_id      {made.client_id}\nclient_secret  {made.client_secret}"
    console.print(Panel(text, title="To sign in as the first admin: shown this once, so write it down", expand=False))
    form = {"grant_type": "client_credentials", "client_id": made.client_id, "client_secret": made.client_secret}
    command = " \\\n  ".join([f"curl {url}/oauth/token", *(f"-d {urlencode({key: form[key]})}" for key in form)])
    console.print(command, highlight=False, markup=False, soft_wrap=True)
