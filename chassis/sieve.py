"""A batch that cannot be handled as a whole: the records at fault are put aside, all others take effect."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from chassis import dead_letters
from chassis.bus import Record
from chassis.db import Connection
from chassis.dead_letters import Handle, Key, key_of


class OnError(Enum):
    """What to do with a record whose handling failed."""

    PARK = "keep it as a dead letter and go on"
    HOLD = "keep it, keep what comes later of its key behind it, and go on with the others"
    RETRY = "roll back, wait, and try the same batch again"


class EveryKeyFails(Exception):
    """No key of a batch can be handled: that may be the handler's fault, or of what it stands on, and no other key
    waits for them. Nothing was put aside; the batch is to be tried again, with whatever has come by then."""


@dataclass
class Sieve:
    """Sifts one batch. ``how`` says what to do about the fault of a single record; RETRY ends the sifting with it.

    ``alone``: keys are held even if no other one shows that the handler works.
    """

    handle: Handle
    how: Callable[[Exception], OnError]
    now: dt.datetime
    alone: bool
    _failed: dict[Key, Exception] = field(default_factory=dict)
    _took: bool = False

    async def sift(self, conn: Connection, records: Sequence[Record]) -> None:
        """Handle what can be handled, in order per key, and keep the rest, all in this transaction.

        Raises EveryKeyFails, TooManyDeadLetters, and what the handler raises and ``how`` wants to be tried again.
        """
        await self._halve(conn, records)
        if self._failed and not self._took and not self.alone:
            first = next(iter(self._failed.values()))
            raise EveryKeyFails(f"none of {len(self._failed)} keys can be handled: {type(first).__name__}") from first

    async def _halve(self, conn: Connection, records: Sequence[Record]) -> None:
        try:
            async with conn.transaction():
                await self.handle(conn, records)
            self._took = True
        except Exception as error:
            if len(records) == 1:
                await self._put_aside(conn, records[0], error)
                return
            middle = len(records) // 2
            await self._halve(conn, records[:middle])
            if rest := await self._behind(conn, records[middle:]):
                await self._halve(conn, rest)

    async def _behind(self, conn: Connection, records: Sequence[Record]) -> Sequence[Record]:
        """What may still be handled: a key that was just held holds these, too."""
        return await dead_letters.pass_by(conn, records, self.now) if self._failed else records

    async def _put_aside(self, conn: Connection, record: Record, error: Exception) -> None:
        how = self.how(error)
        if how is OnError.RETRY:
            raise error
        if how is OnError.PARK:
            await dead_letters.park(conn, record, error, self.now)
            return
        await dead_letters.hold(conn, record, error, self.now)
        self._failed[key_of(record)] = error
