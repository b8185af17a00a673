"""Seven real exports through their shipped mappings, and every published figure that a KPI can say, read through the
gateway: equal to the last digit, no cell more and no cell less. What is said by which KPI: sets/*.yaml.

The larger sets take minutes each, and are compared where MERIT_LARGE_SETS=1 is set (``make references``).
"""

from __future__ import annotations

import csv
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from merit import samples
from merit.embedded import running
from tests.conftest import NewDatabase
from tests.journeys.driver import Driver, day, eventually
from tests.journeys.importing import import_file
from tests.merit.mappings.sets import DATA, only_if_asked_for, path_of
from tests.oracle import numbers, periods
from tests.oracle.figures import different
from tests.oracle.periods import Window
from tests.reference.pages import SETS, said, saying

LARGE = {"bpic2012", "maven_crm", "olist", "online_retail"}
PATIENCE_SECONDS = 60.0
COUNTED_SECONDS = 1_200.0
"""The largest sets are half a million lines."""
Cell = tuple[str, Window]


@dataclass(frozen=True)
class Told:
    """Merit with a whole set in it, and what the set's page says."""

    driver: Driver
    name: str
    page: Mapping[str, Any]

    def whole(self, file: Mapping[str, Any]) -> Window:
        """What a file of the reference is over: the whole set, unless its page says less."""
        first, end = file.get("over", self.page["whole"])
        return day(first), day(end)


@pytest.fixture(scope="module", params=SETS)
async def told(request: pytest.FixtureRequest, new_database: NewDatabase) -> AsyncIterator[Told]:
    name, page = request.param, said(request.param)
    if name in LARGE:
        only_if_asked_for(name)
    path = path_of(name)
    dsn = await new_database()
    async with running(admin_dsn=dsn, zone="UTC", currency=page["currency"]) as started, Driver(started) as driver:
        for key, body in page["definitions"].items():
            await driver.define(key, {"kind": "simple"} | body)
        with TemporaryDirectory() as scratch, samples.mapping(name) as by:
            await import_file(driver, path, by, Path(scratch))
        await driver.caught_up(COUNTED_SECONDS)
        yield Told(driver, name, page)


async def test_every_figure_that_a_kpi_can_say(told: Told, subtests: pytest.Subtests) -> None:
    for file, page in told.page["files"].items():
        with subtests.test(f"{told.name} {file}"):
            await compare(told, file, page)


async def compare(told: Told, file: str, page: Mapping[str, Any]) -> None:
    if "metrics" in page:
        await eventually(lambda: metrics(told, file, page), PATIENCE_SECONDS)
        return

    async def differences() -> list[str]:
        """A list leaves out where nothing happened, of which a count or a sum is 0."""
        found = []
        for column, figure in page["figures"].items():
            kpi, places = saying(figure)
            truth = expected(told, page.get("file", file), page, column)
            shown = await answered(told, page, kpi, places)
            truth = {cell: value for cell, value in truth.items() if cell in shown or value != 0}
            found += [f"{file} {column}: {d}" for d in different(truth, having(shown, truth))]
        return found

    await eventually(differences, PATIENCE_SECONDS)


async def metrics(told: Told, file: str, page: Mapping[str, Any]) -> list[str]:
    rows = {row["metric"]: row["value"] for row in reference(told.name, file)}
    found = []
    for metric, figure in page["metrics"].items():
        kpi, places = saying(figure)
        shown = await answered(told, page, kpi, places)
        value = shown.get(("company", told.whole(page)))
        if value != Decimal(rows[metric]):
            found.append(f"{metric}: should be {rows[metric]}, is {value}")
    return found


def reference(name: str, file: str) -> list[dict[str, str]]:
    with (DATA / name / "reference" / f"{file}.csv").open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def expected(told: Told, file: str, page: Mapping[str, Any], column: str) -> dict[Cell, Decimal | None]:
    found = {}
    for row in reference(told.name, file):
        group = next(iter(page.get("group", {})), None)
        name = row[group] if group else row[page["subject"]] if page.get("subject") else "company"
        window = window_of(row[page["period"]]) if "period" in page else told.whole(page)
        found[name, window] = Decimal(row[column]) if row[column] != "" else None
    return found


def window_of(text: str) -> Window:
    """2014-01, 2014Q1 or 2014-01-31."""
    if "Q" in text:
        return periods.containing("quarter", day(f"{text[:4]}-{3 * int(text[5:]):02}-01"))
    return periods.containing("day", day(text)) if len(text) == 10 else periods.containing("month", day(f"{text}-01"))


async def answered(told: Told, page: Mapping[str, Any], kpi: str, places: int) -> dict[Cell, Decimal | None]:
    """The KPI of every subject or group over the whole or its periods, rounded to the reference's places."""
    first, end = told.whole(page)
    query: dict[str, Any] = {"subject_kind": page.get("kind", "company"), "from": str(first), "to": str(end)}
    if "period" in page:
        query["grain"] = page.get("grain", page["period"])
    group = next(iter(page.get("group", {}).values()), None)
    if group:
        query["group_by"] = group
    found: dict[Cell, Decimal | None] = {}
    for item in await told.driver.items(f"/v1/kpis/{kpi}/values", **query):
        name = str(item["group"][group]) if group else item["subject"]
        cell = name, (day(item["from"]), day(item["to"]))
        assert cell not in found, f"{cell} came twice"
        found[cell] = exact(item, places)
    return found


def exact(item: Mapping[str, Any], places: int) -> Decimal | None:
    if item["value"] is None or places == 6:
        return None if item["value"] is None else Decimal(item["value"])
    value = Fraction(item["numerator"]) / Fraction(item["denominator"])
    return Decimal(numbers.fixed(numbers.half_up(value, Fraction(1, 10**places)), places))


def having(shown: Mapping[Cell, Decimal | None], truth: Mapping[Cell, object]) -> dict[Cell, Decimal | None]:
    """The cells that the reference has, and beside them any that says something."""
    return {cell: value for cell, value in shown.items() if cell in truth or value}
