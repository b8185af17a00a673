"""What a person sees of an import: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE
from rich.console import Console
from rich.json import JSON
from rich.panel import Panel
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from merit.importing.batches import SOUND
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


def teller(console: Console) -> Callable[[str], None]:
    """Prints each fault as soon as it is found."""
    return lambda fault: console.print(fault, markup=False, highlight=False, soft_wrap=True)


def show_first(first: Mapping[str, Sequence[object]], console: Console) -> None:
    """Print the first events and items of each kind, as they would be sent."""
    for what, things in first.items():
        for number, thing in enumerate(things, 1):
            title = f"{what}, {'the first' if number == 1 else f'number {number}'}"
            console.print(Panel(JSON.from_data(thing, ensure_ascii=False), title=title, title_align="left"))


def show_dry(summary: Summary, console: Console) -> None:
    """Print what came of a dry run, whose faults were told already."""
    table = Table("would be sent", "sound", "faulty", box=SIMPLE)
    for what, outcomes in summary.outcomes.items():
        table.add_row(what, str(outcomes[SOUND]), str(outcomes.total() - outcomes[SOUND]))
    console.print(table)
    found = f"{summary.faulty} faults" if summary.faulty else "no fault"
    console.print(f"{summary.rows} rows, {found}; nothing was sent")


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
