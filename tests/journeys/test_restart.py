"""Merit is stopped and started on the same database: everything is still there, and still goes on."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from tests.conftest import NewDatabase
from tests.journeys.conftest import merit_on
from tests.journeys.driver import Driver, eventually
from tests.journeys.plans import COMPONENTS
from tests.oracle import figures, kpis, periods, synthetic
from tests.oracle.generate import generate

SPAN = dt.date(2012, 1, 1), dt.date(2014, 1, 1)
WINDOWS = list(periods.between("month", *SPAN))


async def everything(driver: Driver) -> dict[Any, Any]:
    """All that a reader can see: values, earnings, lines, targets, people, plans."""
    found: dict[Any, Any] = {"earnings": await driver.earnings()}
    for kpi in kpis.KPIS:
        for kind in kpis.SUBJECT_KINDS:
            found[kpi, kind] = await driver.values(kpi, kind, SPAN, "month")
    for path in (
        "earnings/lines",
        "targets",
        "targets/attainment",
        "people",
        "memberships",
        "payee-parameters",
        "plans",
    ):
        found[path] = await driver.items(f"/v1/{path}")
    return found


async def test_everything_is_still_equal_and_goes_on(new_database: NewDatabase) -> None:
    dsn = await new_database()
    generated = generate(synthetic.company(11, 200), 11)
    half = len(generated.batches) // 2
    async with merit_on(dsn) as driver:
        await driver.found(replace(generated.company, memberships=generated.memberships))
        await driver.write("memberships", generated.changes)
        for batch in generated.batches[:half]:
            await driver.send(*batch)
        sent = [event for batch in generated.batches[:half] for event in batch]
        truth = figures.truth(replace(generated.company, events=sent), COMPONENTS)
        await settled(driver, truth)
        before = await everything(driver)
    async with merit_on(dsn) as driver:
        assert await everything(driver) == before
        for batch in generated.batches[half:]:
            await driver.send(*batch)
    # stopped with work under way: the next start takes it up where it was
    async with merit_on(dsn) as driver:
        await settled(driver, figures.truth(generated.company, COMPONENTS))


async def settled(driver: Driver, truth: figures.Truth) -> None:
    """Wait until what was sent is counted, and all is as the oracle says."""
    await driver.caught_up()

    async def differences() -> list[str]:
        found = figures.different(truth.earnings(), await driver.earnings())
        for kind in kpis.SUBJECT_KINDS:
            answered = await driver.values("sales_amount", kind, SPAN, "month")
            found += truth.differences("sales_amount", kind, WINDOWS, "month", answered)
        return found

    await eventually(differences)
