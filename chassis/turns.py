"""A background loop that takes turn after turn: it says that it lives, outlasts what is down, and ends when told to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from chassis import progress
from chassis.bus import LogUnavailable
from chassis.clock import pause
from chassis.db import DatabaseUnavailable

log = logging.getLogger(__name__)


async def take_turns(
    name: str, stop: asyncio.Event, turn: Callable[[], Awaitable[float]], retry_seconds: float
) -> None:
    """Take turns until ``stop``; each says after how many seconds the next one begins.

    A turn that fails is taken again after ``retry_seconds``, whatever the reason.
    """
    while not stop.is_set():
        progress.beat(name)
        try:
            wait = await turn()
        except (LogUnavailable, DatabaseUnavailable) as error:
            log.warning("%s: %s", name, error)
            wait = retry_seconds
        except Exception:
            log.exception("%s: a turn failed; trying it again", name)
            wait = retry_seconds
        await pause(wait, stop)
    progress.ended(name)
