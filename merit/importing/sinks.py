"""Where a step's rows go: straight into events and items, or first together with the other rows of their group."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from merit.importing.batches import EventBatch, ItemBatch
from merit.importing.expressions import Expression, holds
from merit.importing.rows import BadRow, Row
from merit.importing.scopes import LINE, Scope, Unusable, Values, named, singles
from merit.importing.spool import Shelf

Batch = EventBatch | ItemBatch
PROGRESS_GROUPS = 100
KNOWN_MAX = 10_000
Done = Callable[[int, int], None]


class Sink(Protocol):
    """Takes the rows of a step for one output."""

    async def take(self, row: Row, values: Values) -> None:
        """Take a row that could be read."""
        ...

    def spoil(self, row: Row, values: Values) -> None:
        """Hear of a row at fault, and what could be read of it: an object that it belongs to would lack it."""
        ...

    async def finish(self, progress: Done) -> None:
        """Send everything: the file has ended."""
        ...


@dataclass
class Straight:
    """A row, an event or item."""

    batch: Batch

    async def take(self, row: Row, values: Values) -> None:
        if _meets(self.batch.output.condition, values):
            await _add(self.batch, [row], Scope([values]))

    def spoil(self, row: Row, values: Values) -> None:
        pass  # it would have been an object of its own

    async def finish(self, progress: Done) -> None:
        await self.batch.send()


class Grouped:
    """The rows of a group, an event or item: they need not stand together in the file.

    Where a row that says the same again makes no difference, it is not laid aside: people may be made from a column
    with a handful of names in millions of rows.
    """

    def __init__(self, batch: Batch, group: Sequence[str], shelf: Shelf) -> None:
        self._batch, self._group, self._shelf = batch, group, shelf
        names, self._counts = batch.output.reads()
        self._names = sorted(names)
        self._known: set[tuple[str, str]] = set()

    async def take(self, row: Row, values: Values) -> None:
        if _meets(self._batch.output.condition, values):
            for key, single in self._keys(row, values):
                kept = [single[name] for name in self._names]
                if self._counts or self._is_new(key, repr(kept)):
                    self._shelf.add(key, (row.line, row.cells, kept))

    def spoil(self, row: Row, values: Values) -> None:
        if all(name in values for name in self._group):
            for key, _ in self._keys(row, values):
                self._shelf.add(key, (row.line, row.cells, None))

    def _keys(self, row: Row, values: Values) -> Iterator[tuple[str, Values]]:
        for single in singles(values, self._group):
            parts = [single[name] for name in self._group]
            if None in parts:
                empty = ", ".join(name for name in self._group if single[name] is None)
                self._batch.reject(BadRow([row], f"what it is grouped by ({empty}) is empty"))
            else:
                yield named(parts), single

    def _is_new(self, key: str, kept: str) -> bool:
        if (key, kept) in self._known:
            return False
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()  # one that is laid aside again does no harm
        self._known.add((key, kept))
        return True

    async def finish(self, progress: Done) -> None:
        for number, things in enumerate(self._shelf.groups()):
            rows = [Row(line, cells) for line, cells, _ in things]
            if spoilt := {line for line, _, values in things if values is None}:
                self._leave([row for row in rows if row.line not in spoilt], min(spoilt))
            else:
                scope = Scope([self._values(line, values) for line, _, values in things])
                await _add(self._batch, rows, scope)
            if number % PROGRESS_GROUPS == 0:
                progress(number, self._shelf.keys)
        progress(self._shelf.keys, self._shelf.keys)
        await self._batch.send()

    def _leave(self, rows: Sequence[Row], line: int) -> None:
        """Half an object would be another one: the rows that could be read are not sent either."""
        if rows:
            self._batch.reject(BadRow(rows, f"nothing of it is sent, because line {line} is at fault"))

    def _values(self, line: int, values: Sequence[Any]) -> Values:
        return {LINE: line, **dict(zip(self._names, values, strict=True))}


def _meets(condition: Expression | None, values: Values) -> bool:
    return condition is None or holds(condition.value(values))


async def _add(batch: Batch, rows: Sequence[Row], scope: Scope) -> None:
    try:
        await batch.add(rows, scope)
    except Unusable as error:
        batch.reject(BadRow(rows, str(error), *batch.where(error.names)))
