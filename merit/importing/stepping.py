"""One step of an import: the rows of a file, each with what is joined and computed, to where its outputs go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from merit.importing.batches import Context, EventBatch, ItemBatch, Where
from merit.importing.files import Table, opened
from merit.importing.joining import Lookup, joined, lookup
from merit.importing.journal import Journal
from merit.importing.mapping import EventOutput, Output, Step
from merit.importing.reading import Cells, Unreadable, later_dates
from merit.importing.rows import BadRow, Reject, Rejected, Row
from merit.importing.scopes import Unusable, Values
from merit.importing.sinks import Grouped, Sink, Straight
from merit.importing.spool import Spool

PROGRESS_ROWS = 100

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how far it is, and of how much."""


@dataclass(frozen=True)
class Stepping:
    """A step about to be done, and what it needs: ``journal`` by event type, ``hear`` for each fault."""

    step: Step
    file: Path
    context: Context
    journal: Callable[[str], Journal]
    spool: Spool
    rejected: Rejected
    hear: Reject

    async def run(self, progress: Progress) -> int:
        """Read the file to its end and send what it says; how many rows it has. Raises MeritError."""
        step, zone, rows = self.step, self.context.zone, 0
        with opened(self.file, step.reading) as table:
            reject = partial(self._reject, table.header)
            later = later_dates(self.file, step.reading, step.columns, zone)
            cells = Cells(step.columns, step.reading, table.header, zone, later)
            folder = self.file.parent
            lookups = [lookup(self.spool, join, folder, zone, self.hear) for join in step.joins]
            sinks = [self._sink(output, reject, where(step, table.header)) for output in step.outputs]
            line = _Line(step, cells, lookups, sinks, reject, where(step, table.header))
            for row in self._watched(table, progress):
                rows += 1
                await line.take(row)
            for sink, output in zip(sinks, step.outputs, strict=True):
                what = output.event if isinstance(output, EventOutput) else output.resource
                await sink.finish(partial(progress, f"Sending {what}"))
        return rows

    def _watched(self, table: Table, progress: Progress) -> Iterator[Row | BadRow]:
        """The rows, with word of how far they are."""
        what = f"Reading {self.file.name}"
        for number, row in enumerate(table.rows()):
            if number % PROGRESS_ROWS == 0:
                progress(what, table.position(), table.size)
            yield row
        progress(what, table.size, table.size)

    def _reject(self, header: Sequence[str], bad: BadRow) -> None:
        self.rejected.add(bad, header)
        self.hear(bad.of(self.file.name))

    def _sink(self, output: Output, reject: Reject, place: Where) -> Sink:
        batch: EventBatch | ItemBatch
        if isinstance(output, EventOutput):
            batch = EventBatch(output, self.context, self.journal(output.event), reject, place)
        else:
            batch = ItemBatch(output, self.context, reject, place)
        if output.group is None:
            return Straight(batch)
        return Grouped(batch, output.group, self.spool.shelf())


@dataclass(frozen=True)
class _Line:
    """What each row goes through."""

    step: Step
    cells: Cells
    lookups: Sequence[Lookup]
    sinks: Sequence[Sink]
    reject: Reject
    place: Where

    async def take(self, row: Row | BadRow) -> None:
        if isinstance(row, BadRow):
            self._spoil(row, row.rows[0], self.cells.readable(row.rows[0]))
            return
        try:
            known = self.cells.read(row)
        except Unreadable as error:
            self._spoil(error.bad, row, self.cells.readable(row))
            return
        try:
            wider = [self._computed(values) for values in joined(self.lookups, known)]
        except Unusable as error:
            self._spoil(self._unusable(row, error), row, known)
            return
        for values in wider:
            for sink in self.sinks:
                try:
                    await sink.take(row, values)
                except Unusable as error:
                    self._spoil(self._unusable(row, error), row, values)

    def _unusable(self, row: Row, error: Unusable) -> BadRow:
        return BadRow([row], str(error), *self.place(error.names))

    def _spoil(self, bad: BadRow, row: Row, known: Values) -> None:
        self.reject(bad)
        for sink in self.sinks:
            sink.spoil(row, known)

    def _computed(self, values: Values) -> Values:
        if not self.step.computed:
            return values
        found: dict[str, Any] = dict(values)
        for name, expression in self.step.computed.items():
            found[name] = expression.value(found)
        return found


def where(step: Step, header: Sequence[str]) -> Where:
    """Leads from the mapping's names back to the columns of the file, or of the one that is joined to it."""

    def place(names: Sequence[str]) -> tuple[int | None, str | None]:
        for name in names:
            if name in step.columns:
                first = step.columns[name].headers[0]
                return header.index(first) + 1, first
            for join in step.joins:
                if name in join.columns:
                    return None, f"{join.columns[name].headers[0]} in {join.file}"
            if name in step.computed:
                return place(step.computed[name].names)
        return None, None

    return place
