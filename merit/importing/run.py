"""One import: a file through its mapping to the API; what cannot go is reported and kept beside the file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from merit.importing import journal as journals
from merit.importing.batches import EventBatch, ItemBatch, Reject, Told, UnusableRow
from merit.importing.door import Door
from merit.importing.mapping import EventOutput, ImportMapping, Output
from merit.importing.rows import REJECTED, BadRow, Rejected, Row, opened
from merit.importing.values import Cells, Unreadable, later_dates

FAULTS_SHOWN_MAX = 20
PROGRESS_ROWS = 100

Progress = Callable[[int, int], None]
"""Called with the bytes read and the bytes in all."""


@dataclass
class Summary:
    """How an import went: rows read and rejected, what became of the rest by output, the first faults."""

    file: Path
    rows: int = 0
    rejected: int = 0
    rejected_file: Path | None = None
    outcomes: Mapping[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    position: str = ""
    """What a read passes as ``after`` to see everything of this import."""


@dataclass(frozen=True)
class Import:
    """What to import, where to, and the folder where the journals of earlier imports lie.

    ``zone`` is the business zone in which a date without time begins; the mapping's own goes before it.
    """

    file: Path
    mapping: ImportMapping
    door: Door
    journals: Path
    import_id: str
    zone: str = "UTC"
    rejected: Path | None = None
    """Where rejected rows are written; absent = beside the file, with ``.rejected.csv`` at the end of its name."""

    async def run(self, progress: Progress = lambda done, size: None) -> Summary:
        """Import the file. Raises MappingRefused and MeritError; for bad rows nothing is raised: see the summary."""
        mapping, summary, told = self.mapping, Summary(self.file), Told()
        zone = ZoneInfo(mapping.zone or self.zone)
        with ExitStack() as stack:
            file = stack.enter_context(opened(self.file, mapping.delimiter, mapping.encoding))
            mapping.check_header(file.header)
            await self.door.reach()
            cells = Cells(mapping, file.header, zone, later_dates(self.file, mapping, zone))
            path = self.rejected or self.file.with_name(self.file.name + REJECTED)
            rejected = stack.enter_context(Rejected(path, file.header, mapping.delimiter, mapping.encoding))

            def reject(bad: BadRow) -> None:
                rejected.add(bad)
                if len(summary.faults) < FAULTS_SHOWN_MAX:
                    summary.faults.append(f"{self.file.name}, {bad}")

            batches = [self._batch(stack, output, told, reject) for output in mapping.outputs]
            for row in file.rows():
                summary.rows += 1
                await _take(row, cells, batches, reject)
                if summary.rows % PROGRESS_ROWS == 0:
                    progress(file.position(), file.size)
            for batch in batches:
                await batch.send()
            progress(file.size, file.size)
        summary.outcomes, summary.position, summary.rejected = told.outcomes, told.position, rejected.count
        summary.rejected_file = rejected.path if rejected.count else None
        return summary

    def _batch(self, stack: ExitStack, output: Output, told: Told, reject: Reject) -> EventBatch | ItemBatch:
        if not isinstance(output, EventOutput):
            return ItemBatch(output, self.door, told, reject)
        source = self.mapping.source or ""
        name = hashlib.sha256(f"{self.door.installation}|{source}|{output.event}".encode()).hexdigest()[:20]
        journal = stack.enter_context(journals.opened(self.journals, name))
        return EventBatch(output, source, self.import_id, self.door, journal, told, reject)


async def _take(row: Row | BadRow, cells: Cells, batches: Sequence[EventBatch | ItemBatch], reject: Reject) -> None:
    if isinstance(row, BadRow):
        reject(row)
        return
    try:
        values = cells.read(row)
    except Unreadable as error:
        reject(error.bad)
        return
    for batch in batches:
        if (condition := batch.output.condition) is None or condition.holds(values):
            try:
                await _add(batch, row, values, cells)
            except UnusableRow as error:
                reject(BadRow(row, str(error)))


async def _add(batch: EventBatch | ItemBatch, row: Row, values: Mapping[str, Any], cells: Cells) -> None:
    if isinstance(batch, ItemBatch):
        await batch.add(row, values)
        return
    time = values[batch.output.time.column]
    if time is None:
        raise UnusableRow(f"its time ({batch.output.time.column}) is empty")
    await batch.add(row, values, cells.time(time))
