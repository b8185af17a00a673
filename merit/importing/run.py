"""One import: files through a mapping to the API; what cannot go is reported and kept beside its file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from zoneinfo import ZoneInfo

from merit.home import MeritError
from merit.importing import journal as journals
from merit.importing.batches import Context, Told
from merit.importing.columns import Column
from merit.importing.door import Taker
from merit.importing.files import Reading, opened
from merit.importing.journal import Journal
from merit.importing.mapping import ImportMapping, Step
from merit.importing.rows import REJECTED, BadRow, Rejected
from merit.importing.spool import spooling
from merit.importing.stepping import Progress, Stepping

FAULTS_SHOWN_MAX = 20


@dataclass
class Summary:
    """How an import went: rows read and rejected, what became of the rest by output, the first faults."""

    path: Path
    rows: int = 0
    rejected: int = 0
    rejected_files: list[Path] = field(default_factory=list)
    outcomes: Mapping[str, Counter[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    faulty: int = 0
    """How many faults there were; ``faults`` are the first of them."""
    position: str = ""
    """What a read passes as ``after`` to see everything of this import."""


@dataclass(frozen=True)
class Import:
    """What to import (a file, or a folder of the files that the mapping names), where to, and the folder where the
    journals of earlier imports lie.

    ``zone`` is the business zone in which a date without time begins; the mapping's own goes before it.
    """

    path: Path
    mapping: ImportMapping
    door: Taker
    journals: Path
    import_id: str
    zone: str = "UTC"
    rejects: Path | None = None
    """The folder in which rejected rows are written; absent = each beside its file. The name ends in REJECTED."""
    hear: Callable[[str], None] = lambda fault: None
    """Called with every fault."""

    async def run(self, progress: Progress = lambda what, done, size: None) -> Summary:
        """Import it. Raises MappingRefused and MeritError; for bad rows nothing is raised: see the summary."""
        steps, summary, told = self._steps(), Summary(self.path), Told()
        self.mapping.check_headers(_headers(steps))
        await self.door.reach()
        zone = ZoneInfo(self.mapping.zone or self.zone)
        context = Context(self.mapping.source or "", self.import_id, zone, self.door, told)
        rows: Counter[Path] = Counter()

        def hear(bad: BadRow) -> None:
            summary.faulty += 1
            if len(summary.faults) < FAULTS_SHOWN_MAX:
                summary.faults.append(str(bad))
            self.hear(str(bad))

        with ExitStack() as stack:
            keeping = _Keeping(stack, self.journals, f"{self.door.installation}|{context.source}", self.rejects)
            for step, file in steps:
                rejected = keeping.rejected(file, step.reading)
                with spooling() as spool:
                    stepping = Stepping(step, file, context, keeping.journal, spool, rejected, hear)
                    rows[file] = max(rows[file], await stepping.run(progress))
        summary.rows, summary.outcomes, summary.position = rows.total(), told.outcomes, told.position
        summary.rejected = sum(kept.count for kept in keeping.kept.values())
        summary.rejected_files = [kept.path for kept in keeping.kept.values() if kept.count]
        return summary

    def _steps(self) -> list[tuple[Step, Path]]:
        """The steps that are to be done, each with its file. Raises MeritError."""
        name = self.mapping.name
        if self.path.is_dir():
            if any(step.file is None for step in self.mapping.steps):
                raise MeritError(f"The mapping {name} is for a single file, and {self.path} is a folder.")
            return [(step, self.path / (step.file or "")) for step in self.mapping.steps]
        wanted = (None, self.path.name, self.path.name.removesuffix(REJECTED))
        found = [(step, self.path) for step in self.mapping.steps if step.file in wanted]
        if not found:
            files = ", ".join(dict.fromkeys(step.file or "" for step in self.mapping.steps))
            raise MeritError(f"The mapping {name} is for {files}, or a folder with them, not for {self.path.name}.")
        return found


def _headers(steps: Sequence[tuple[Step, Path]]) -> Iterator[tuple[Mapping[str, Column], Sequence[str], str]]:
    """The columns that the mapping wants of each file, and those that it has; looked at before anything is sent."""
    known: dict[tuple[Path, Reading], Sequence[str]] = {}
    for step, file in steps:
        joined = ((join.columns, file.parent / join.file, join.reading) for join in step.joins)
        for columns, path, reading in ((step.columns, file, step.reading), *joined):
            if (path, reading) not in known:
                with opened(path, reading) as table:
                    known[path, reading] = table.header
            yield columns, known[path, reading], path.name


@dataclass
class _Keeping:
    """What is open as long as the import runs: a journal per event type, and the rejected rows of each file."""

    stack: ExitStack
    journals: Path
    whose: str
    rejects: Path | None
    kept: dict[Path, Rejected] = field(default_factory=dict)
    _journals: dict[str, Journal] = field(default_factory=dict)

    def journal(self, event_type: str) -> Journal:
        if event_type not in self._journals:
            name = hashlib.sha256(f"{self.whose}|{event_type}".encode()).hexdigest()[:20]
            self._journals[event_type] = self.stack.enter_context(journals.opened(self.journals, name))
        return self._journals[event_type]

    def rejected(self, file: Path, reading: Reading) -> Rejected:
        if file not in self.kept:
            path = (self.rejects or file.parent) / (file.name + REJECTED)
            kept = Rejected(path, reading.delimiter, reading.encoding)
            self.kept[file] = self.stack.enter_context(kept)
        return self.kept[file]
