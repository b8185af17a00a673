"""Awkward histories, sent in any order and batching while people are re-organised: every answer equals the oracle's.

``MERIT_SEEDS=20 make test`` tries more of them; a failing seed is named in the test's id.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver, day, eventually
from tests.journeys.plans import COMPONENTS
from tests.oracle import adventureworks, figures, kpis, numbers, periods, synthetic
from tests.oracle.adventureworks import Company
from tests.oracle.figures import Truth
from tests.oracle.generate import Generated, generate
from tests.oracle.mutations import MUTATIONS, Event, mutated
from tests.oracle.periods import Window

SEEDS = range(int(os.environ.get("MERIT_SEEDS", "1")))
BASES = [*(f"synthetic-{seed}" for seed in SEEDS), "adventureworks-2011"]
ORDERS = 400
NETS_EVERY = 5
"""After so many batches the ledger is looked at, while it is being written."""
ZONES = ("UTC", "Australia/Adelaide", "America/New_York")
YEARS = dt.date(2011, 1, 1), dt.date(2015, 1, 1)
SPANS: list[tuple[str | None, Window]] = [
    (None, (dt.date(2012, 2, 11), dt.date(2013, 5, 3))),
    ("year", YEARS),
    ("quarter", YEARS),
    ("month", YEARS),
    ("week", (dt.date(2012, 1, 2), dt.date(2012, 12, 31))),
    ("day", (dt.date(2012, 5, 1), dt.date(2012, 8, 1))),
]
TRAILING = [(1, dt.date(2012, 6, 30)), (30, dt.date(2012, 6, 30)), (365, dt.date(2013, 2, 28))]


@dataclass(frozen=True)
class Told:
    """Merit after it was told a history, and what the oracle makes of it."""

    driver: Driver
    generated: Generated
    truth: Truth


@pytest.fixture(scope="module", params=BASES)
async def told(request: pytest.FixtureRequest, open_merit: OpenMerit) -> AsyncIterator[Told]:
    base, _, number = request.param.partition("-")
    seed = int(number)
    zone = ZONES[seed % len(ZONES)]
    company = adventureworks.company(zone) if base == "adventureworks" else synthetic.company(seed, ORDERS, zone)
    generated = generate(company, seed)
    async with open_merit(zone) as driver:
        await driver.found(first_plan(generated))
        for number, batch in enumerate(generated.batches):
            if number == generated.reorganise_at:
                await reorganise(driver, generated)
            await driver.send(*batch)
            if number % NETS_EVERY == 0:
                assert not any((await driver.ledger_nets()).values()), "the ledger nets to zero at every moment"
        if generated.reorganise_at == len(generated.batches):
            await reorganise(driver, generated)
        await driver.caught_up()
        yield Told(driver, generated, figures.truth(generated.company, COMPONENTS))


def first_plan(generated: Generated) -> Company:
    """The company before it changes its mind: everybody at the old place, with other targets, bonuses and rates."""
    company = generated.company
    return replace(
        company,
        memberships=generated.memberships,
        targets=[target | {"value": "1000"} for target in company.targets],
        parameters=[parameter | {"value": "0.5"} for parameter in company.parameters],
    )


async def reorganise(driver: Driver, generated: Generated) -> None:
    """Everything that was decided is decided anew, with effect on the past."""
    await driver.write("memberships", generated.changes)
    await driver.write("targets", generated.company.targets)
    await driver.write("payee-parameters", generated.company.parameters)


@pytest.mark.parametrize("kind", kpis.SUBJECT_KINDS)
@pytest.mark.parametrize("kpi", kpis.KPIS)
async def test_kpis_over_periods(told: Told, kpi: str, kind: str) -> None:
    async def differences() -> list[str]:
        found = []
        for grain, span in SPANS:
            windows = list(periods.between(grain, *span)) if grain else [span]
            found += told.truth.differences(kpi, kind, windows, grain, await told.driver.values(kpi, kind, span, grain))
        return found

    await eventually(differences)


@pytest.mark.parametrize("kind", kpis.SUBJECT_KINDS)
@pytest.mark.parametrize("kpi", kpis.KPIS)
async def test_kpis_over_trailing_days(told: Told, kpi: str, kind: str) -> None:
    async def differences() -> list[str]:
        found = []
        for days, as_of in TRAILING:
            answered = await told.driver.trailing(kpi, kind, days, as_of)
            found += told.truth.differences(kpi, kind, [periods.trailing(days, as_of)], periods.TRAILING, answered)
        return found

    await eventually(differences)


async def test_earnings_per_payee_and_window(told: Told) -> None:
    async def differences() -> list[str]:
        return figures.different(told.truth.earnings(), await told.driver.earnings())

    await eventually(differences)


async def test_lines_per_order(told: Told) -> None:
    expected = {key: numbers.cents(amount) for key, amount in told.truth.earned_by_order().items()}

    async def differences() -> list[str]:
        return figures.different(expected, await told.driver.earned_by_order())

    await eventually(differences)
    assert len(expected) > 100


async def test_attainment_of_targets(told: Told) -> None:
    expected = {}
    for target in told.generated.company.targets:
        cell = target["subject"], (day(target["from"]), day(target["to"]))
        actual = told.truth.value("sales_amount", "rep", cell, None)
        expected[target["subject"], target["from"], target["to"]] = (target["value"], actual)

    async def differences() -> list[str]:
        items = await told.driver.items("/v1/targets/attainment")
        return figures.different(
            expected, {(i["subject"], i["from"], i["to"]): (i["target"], i["actual"]) for i in items}
        )

    await eventually(differences)


async def test_the_ledger_nets_to_zero(told: Told) -> None:
    assert await told.driver.ledger_nets() == {"USD": 0}


async def test_what_does_not_count_is_listed(told: Told) -> None:
    book = told.truth.book
    waiting = {i["object_id"] for i in await told.driver.items("/v1/data-quality", kind="waiting")}
    assert waiting == book.waiting
    excess = {i["object_id"] for i in await told.driver.items("/v1/data-quality", kind="refund_excess")}
    assert excess == {o.order_id for o in book.orders if any(r.excess for r in o.refunds)}
    conflicts = await told.driver.items("/v1/quarantine", outcome="conflict")
    conflicts += await told.driver.items("/v1/data-quality", kind="conflict")
    listed = {(item["object_id"], item["source"], item["id"]) for item in conflicts}
    assert listed == {(event["data"]["order_id"], event["source"], event["id"]) for event in book.conflicts}


async def test_merit_verifies_itself(told: Told) -> None:
    auditor = await told.driver.as_role("auditor")
    for what in ("events", "kpis", "ledger", "awards"):
        answer = await auditor.get(f"/v1/verification/{what}")
        assert answer.status_code == 200, answer.text
        assert answer.json()
        assert [check for check in answer.json() if not check["ok"]] == []


async def test_the_comparison_goes_red(told: Told) -> None:
    """An oracle that lost an event, had it twice or a day later does not agree with Merit: so they do compare."""
    company, random = told.generated.company, Random(1)
    effective = lonely(company.events)
    day_by_day = dt.date(2012, 5, 1), dt.date(2012, 8, 1)
    answered = await told.driver.values("sales_amount", "company", day_by_day, "day")
    windows = list(periods.between("day", *day_by_day))
    for number in random.sample(effective, 3):
        for mutation in MUTATIONS:
            other = replace(company, events=mutated(company.events, number, mutation))
            truth = figures.truth(other, ())
            assert truth.differences("sales_amount", "company", windows, "day", answered), company.events[number]


def lonely(events: list[Event]) -> list[int]:
    """Where the events are that alone make a figure of the days compared: placed orders of some worth of which nothing
    else was ever said."""
    told_of = Counter(event["data"]["order_id"] for event in events)
    return [
        number
        for number, event in enumerate(events)
        if told_of[event["data"]["order_id"]] == 1
        and event["type"] == "crm.order.placed.v1"
        and "2012-05-03" < event["time"] < "2012-07-28"
        and event["data"]["amount"] != "0"
    ]
