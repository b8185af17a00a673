"""What the pages of the sets say, as the table that ``docs/references.md`` shows: run this to write it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "references.md"
SETS = {path.stem: path for path in sorted((Path(__file__).parent / "sets").glob("*.yaml"))}
HEAD = """# Figures of other people's data

Seven real exports go through the mappings that Merit ships (`merit/samples/mappings`), and the figures that others
computed of them are read back through the gateway: equal to the last digit, no cell more and no cell less.
`tests/reference/test_sets.py` compares them at every run for the three small sets; the four larger ones take minutes
each, and are compared by `make references`.
The KPIs are those that Merit ships, or definitions in `tests/reference/sets/`. The eighth set, AdventureWorks, is
compared by `tests/reference/test_adventureworks.py`.

"""


def said(name: str) -> dict[str, Any]:
    """What a set's page says."""
    found: dict[str, Any] = yaml.safe_load(SETS[name].read_text(encoding="utf-8"))
    return found


def saying(figure: str | dict[str, Any]) -> tuple[str, int]:
    """The KPI that says a figure, and the places that the figure is rounded to."""
    return (figure, 6) if isinstance(figure, str) else (figure["kpi"], figure["places"])


def columns_said(page: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """File, column (or metric) and the KPI that says it."""
    for file, content in page["files"].items():
        for column, figure in (content.get("metrics") or content["figures"]).items():
            yield content.get("file", file), column, saying(figure)[0]


def columns_not_said(page: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """File, column (or metric; ``*`` for all, or the end of a name) and why no KPI says it."""
    for file, columns in page["not_said"].items():
        for column, why in columns.items():
            yield file, column, why


def text() -> str:
    """The page."""
    parts = [HEAD]
    for name in SETS:
        page = said(name)
        parts.append(f"## {name}\n\n| file | column | KPI, or why none |\n|---|---|---|\n")
        for file, column, kpi in columns_said(page):
            parts.append(f"| {file} | {column} | `{kpi}` |\n")
        for file, column, why in columns_not_said(page):
            parts.append(f"| {file} | {column} | {why} |\n")
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
