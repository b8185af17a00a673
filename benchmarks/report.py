"""The tables: on the terminal, as markdown, and as JSON with every sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.samples import Sample, Stage

HEADINGS = ("case", "events/s", "min – max", "of the best ceiling", "CPU µs/event", "seen")
GOAL_HEADINGS = ("goal", "wanted", "seen", "")
NUMBERS = {"events/s", "of the best ceiling"}


class Report:
    """What was measured so far, stage by stage."""

    def __init__(self, machine: Mapping[str, str], at: str) -> None:
        self.machine, self.at = machine, at
        self.stages: list[tuple[Stage, list[Sample]]] = []

    def show(self, console: Console) -> None:
        """Print the newest stage."""
        stage, samples = self.stages[-1]
        console.print(_rich(stage.title, HEADINGS, list(_rows(samples))))
        if stage.goals:
            console.print(_rich("", GOAL_HEADINGS, list(_goals(stage, samples))))

    def write(self, folder: Path) -> Path:
        """Write ``TIME.json`` and ``TIME.md``; returns the latter."""
        folder.mkdir(parents=True, exist_ok=True)
        stages = [{"stage": stage.name, "samples": [asdict(s) for s in samples]} for stage, samples in self.stages]
        text = json.dumps({"at": self.at, "machine": self.machine, "stages": stages}, indent=1, default=str)
        name = self.at.replace(":", "").replace("+0000", "Z")
        (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
        page = folder / f"{name}.md"
        page.write_text("\n".join(self._markdown()) + "\n", encoding="utf-8")
        return page

    def _markdown(self) -> Iterator[str]:
        yield f"# Measured {self.at}"
        yield ""
        yield ", ".join(f"{name} {value}" for name, value in self.machine.items())
        for stage, samples in self.stages:
            yield from ("", f"## {stage.title}", "")
            yield from _lines(HEADINGS, _rows(samples))
            if stage.goals:
                yield ""
                yield from _lines(GOAL_HEADINGS, _goals(stage, samples))


def _rows(samples: Sequence[Sample]) -> Iterator[tuple[str, ...]]:
    """A row per case: the median of its runs."""
    cases = list(dict.fromkeys(s.case for s in samples))
    runs = {case: sorted((s for s in samples if s.case == case), key=lambda s: s.rate) for case in cases}
    ceilings = [(some[0].kind, median(s.rate for s in some)) for some in runs.values() if some[0].role == "ceiling"]
    for case, some in runs.items():
        middle, rate = some[len(some) // 2], median(s.rate for s in some)
        best = max((ceiling for kind, ceiling in ceilings if kind == middle.kind), default=None)
        yield (
            f"{case}{' (peer)' if middle.role == 'peer' else ''}",
            f"{rate:,.0f}",
            f"{some[0].rate:,.0f} – {some[-1].rate:,.0f}",
            f"{rate / best:.2f}" if best and middle.role == "merit" else "",
            _cpu(middle),
            ", ".join(f"{name} {_number(value)}" for name, value in middle.told.items()),
        )


def _cpu(sample: Sample) -> str:
    each = sample.cpu_each
    return ", ".join(f"{part} {us:.1f}" for part, us in each.items()) + (f" = {sum(each.values()):.1f}" if each else "")


def _goals(stage: Stage, samples: Sequence[Sample]) -> Iterator[tuple[str, ...]]:
    for goal in stage.goals:
        seen = goal.seen(samples)
        told = ("not measured", "") if seen is None else (_number(seen), "met" if goal.met(seen) else "MISSED")
        yield goal.text, goal.wanted, *told


def _number(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.2f}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _rich(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, box=box.SIMPLE, title_justify="left", pad_edge=False)
    for heading in headings:
        table.add_column(heading, justify="right" if heading in NUMBERS else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _lines(headings: Sequence[str], rows: Iterator[tuple[str, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(headings) + " |"
    yield "|" + "|".join("---:" if h in NUMBERS else "---" for h in headings) + "|"
    for row in rows:
        yield "| " + " | ".join(row) + " |"
