"""Changing one amount in the CSV changes exactly the cells that derive from it."""

from __future__ import annotations

import csv
import datetime as dt
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver, eventually
from tests.journeys.importing import import_file, import_sample
from tests.oracle import figures, kpis, periods
from tests.oracle.adventureworks import COMPONENTS, FILES, Company, company

ORDER, ORDERS = "43659", "SalesOrderHeader.csv"
"""An order of rep 279 on 2011-05-31 in territory 5; it is made one cent dearer."""
SPANS = [
    ("month", (dt.date(2011, 4, 1), dt.date(2011, 10, 1))),
    ("quarter", (dt.date(2011, 4, 1), dt.date(2013, 7, 1))),
    ("year", (dt.date(2011, 1, 1), dt.date(2014, 1, 1))),
    ("day", (dt.date(2011, 5, 30), dt.date(2011, 6, 3))),
]
Figures = dict[Any, str | None]


def changed_files(folder: Path) -> Path:
    """A copy of the sample in which one amount is another."""
    copy = folder / "changed"
    shutil.copytree(FILES, copy)
    with (FILES / ORDERS).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["SalesOrderID"] == ORDER:
            row["SubTotal"] = str(Decimal(row["SubTotal"]) + Decimal("0.01"))
    with (copy / ORDERS).open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return copy


async def read_everything(driver: Driver) -> Figures:
    """Every KPI of every subject over every span, and every line of pay."""
    found: Figures = {}
    for kpi in kpis.KPIS:
        for kind in kpis.SUBJECT_KINDS:
            for grain, span in SPANS:
                answered = await driver.values(kpi, kind, span, grain)
                found |= {(kpi, kind, grain, *cell): value for cell, value in answered.items()}
    lines = await driver.items("/v1/earnings/lines")
    return found | {("line", line["line_id"]): line["amount"] for line in lines}


def true_figures(company: Company) -> Figures:
    """The same KPIs, by the oracle."""
    truth = figures.truth(company, COMPONENTS)
    found: Figures = {}
    for kpi in kpis.KPIS:
        for kind in kpis.SUBJECT_KINDS:
            for grain, span in SPANS:
                expected = truth.expected(kpi, kind, list(periods.between(grain, *span)), grain)
                found |= {(kpi, kind, grain, *cell): value for cell, value in expected.items()}
    return found


def changed(before: Figures, after: Figures) -> set[Any]:
    """The cells that are not the same."""
    return {key for key in before.keys() | after.keys() if before.get(key, "-") != after.get(key, "-")}


@dataclass(frozen=True)
class Imported:
    """Merit with the sample, and the folder of the journals that remember the import."""

    driver: Driver
    journals: Path


@pytest.fixture(scope="module")
async def imported(open_merit: OpenMerit, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Imported]:
    journals = tmp_path_factory.mktemp("journals")
    async with open_merit() as driver:
        await import_sample(driver, journals)
        await driver.caught_up()
        yield Imported(driver, journals)


async def test_importing_the_same_again_changes_nothing(imported: Imported) -> None:
    merit = imported.driver
    before = await read_everything(merit)
    await import_sample(merit, imported.journals)
    await merit.caught_up()
    assert changed(before, await read_everything(merit)) == set()


async def test_one_cent_moves_what_derives_from_it_and_nothing_else(imported: Imported, tmp_path: Path) -> None:
    merit, copy = imported.driver, changed_files(tmp_path)
    expected = changed(true_figures(company()), true_figures(company(folder=copy)))
    assert {cell[1] for cell in expected} == {"rep", "manager", "territory", "rep_territory", "company"}
    before, paid = await read_everything(merit), await merit.earnings()

    await import_file(merit, copy / ORDERS, FILES / "orders.yaml", imported.journals)
    await merit.caught_up()
    truth = figures.truth(company(folder=copy), COMPONENTS)

    async def differences() -> list[str]:
        return figures.different(truth.earnings(), await merit.earnings())

    await eventually(differences)
    after = await read_everything(merit)
    moved = changed(before, after)
    assert {cell for cell in moved if cell[0] != "line"} == expected
    assert len({cell for cell in moved if cell[0] == "line"}) <= 4  # its own two lines, and where a rounding tips over
    windows = {key[3] for key in changed(dict(paid), dict(await merit.earnings()))}
    assert windows <= {(dt.date(2011, 5, 31), dt.date(2011, 8, 31))}
