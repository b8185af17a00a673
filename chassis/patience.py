"""How long a caller may keep the database busy, where that is less than any statement may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class TooSlow(Exception):
    """Statements took longer than their caller allows: ask for less."""


@asynccontextmanager
async def within(seconds: int) -> AsyncIterator[None]:
    """This block's statements take no longer altogether. Raises TooSlow; the transaction can then only roll back."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise TooSlow(f"this took longer than {seconds} seconds: ask for less at a time") from error
