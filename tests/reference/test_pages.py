"""Every column of every reference is said by a KPI, or a page says why not; the documentation shows their table."""

from __future__ import annotations

import csv
from fnmatch import fnmatch

import pytest

from tests.merit.mappings.sets import DATA
from tests.reference import pages


def test_the_table_in_the_documentation_is_the_pages() -> None:
    assert pages.PAGE.read_text(encoding="utf-8") == pages.text(), "python -m tests.reference.pages writes it"


@pytest.mark.parametrize("name", pages.SETS)
def test_no_figure_is_passed_over(name: str) -> None:
    folder = DATA / name / "reference"
    if not folder.exists():
        pytest.skip(f"the data set {name} is not at {DATA}: set MERIT_DATA_SETS")
    page = pages.said(name)
    said = {(file, column) for file, column, _ in pages.columns_said(page)}
    why_not = [(file, column) for file, column, _ in pages.columns_not_said(page)]
    keys = {(c.get("file", f), k) for f, c in page["files"].items() for k in _keys(c)}
    passed_over = []
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as text:
            rows = csv.DictReader(text)
            names = [row["metric"] for row in rows] if path.stem == "overall" else list(rows.fieldnames or ())
        for column in names:
            told = (path.stem, column) in said | keys or any(
                file == path.stem and fnmatch(column, pattern) for file, pattern in why_not
            )
            passed_over += [] if told else [f"{path.stem} {column}"]
    assert not passed_over


def _keys(content: dict[str, object]) -> list[str]:
    group = content.get("group")
    return [
        str(k) for k in (content.get("subject"), content.get("period"), *(group if isinstance(group, dict) else ()))
    ]
