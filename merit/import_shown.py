"""What a person sees of an import: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from merit.importing.run import Summary
from merit.importing.stepping import Progress as Report


@contextmanager
def bars(console: Console) -> Iterator[Report]:
    """A bar for each thing that an import reports to be doing."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        tasks: dict[str, TaskID] = {}

        def report(what: str, done: int, size: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=size)
            progress.update(tasks[what], completed=done, total=size)

        yield report


def show(summary: Summary, console: Console) -> None:
    """Print how an import went."""
    for what, outcomes in summary.outcomes.items():
        told = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        console.print(f"{what}: {told}", markup=False, highlight=False)
    for fault in summary.faults:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    if more := summary.faulty - len(summary.faults):
        console.print(f"... and {more} more faults")
    if summary.faulty:
        kept = ", ".join(map(str, summary.rejected_files))
        see = f": see {kept}" if kept else ""
        console.print(f"{summary.rejected} of {summary.rows} rows rejected{see}", markup=False, soft_wrap=True)
    else:
        console.print(f"{summary.rows} rows, none rejected")
