"""Where a step's rows go: straight into events and items, or first together with the other rows of their group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from merit.importing.batches import EventBatch, ItemBatch
from merit.importing.expressions import Expression, holds
from merit.importing.rows import BadRow, Row
from merit.importing.scopes import Scope, Unusable, Values, named, singles
from merit.importing.spool import Shelf

Batch = EventBatch | ItemBatch
PROGRESS_GROUPS = 100
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


@dataclass
class Grouped:
    """The rows of a group, an event or item: they need not stand together in the file."""

    batch: Batch
    group: Sequence[str]
    names: Sequence[str]
    """Every value that a row has, in the order in which it lies on the shelf."""
    shelf: Shelf

    async def take(self, row: Row, values: Values) -> None:
        if _meets(self.batch.output.condition, values):
            self._lay(row, values, lambda single: tuple(single[name] for name in self.names))

    def spoil(self, row: Row, values: Values) -> None:
        if all(name in values for name in self.group):
            self._lay(row, values, lambda single: None)

    def _lay(self, row: Row, values: Values, kept: Callable[[Values], Any]) -> None:
        for single in singles(values, self.group):
            parts = [single[name] for name in self.group]
            if None in parts:
                empty = ", ".join(name for name in self.group if single[name] is None)
                self.batch.reject(BadRow([row], f"what it is grouped by ({empty}) is empty"))
            else:
                self.shelf.add(named(parts), (row.line, row.cells, kept(single)))

    async def finish(self, progress: Done) -> None:
        for number, things in enumerate(self.shelf.groups()):
            rows = [Row(line, cells) for line, cells, _ in things]
            if spoilt := {line for line, _, values in things if values is None}:
                self._leave([row for row in rows if row.line not in spoilt], min(spoilt))
            else:
                scope = Scope([self._values(values) for _, _, values in things])
                await _add(self.batch, rows, scope)
            if number % PROGRESS_GROUPS == 0:
                progress(number, self.shelf.keys)
        progress(self.shelf.keys, self.shelf.keys)
        await self.batch.send()

    def _leave(self, rows: Sequence[Row], line: int) -> None:
        """Half an object would be another one: the rows that could be read are not sent either."""
        if rows:
            self.batch.reject(BadRow(rows, f"nothing of it is sent, because line {line} is at fault"))

    def _values(self, values: Sequence[Any]) -> Mapping[str, Any]:
        return dict(zip(self.names, values, strict=True))


def _meets(condition: Expression | None, values: Values) -> bool:
    return condition is None or holds(condition.value(values))


async def _add(batch: Batch, rows: Sequence[Row], scope: Scope) -> None:
    try:
        await batch.add(rows, scope)
    except Unusable as error:
        batch.reject(BadRow(rows, str(error), *batch.where(error.names)))
