"""Awkward opportunities, cases, surveys, follow-ups and credit notes, sent in any order and batching while people are
re-organised: every KPI of every subject equals the oracle's."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from random import Random

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver, eventually
from tests.oracle import figures, history, kpis, numbers, periods, synthetic, thing_histories, thing_kpis, things
from tests.oracle.directory import Directory
from tests.oracle.figures import different
from tests.oracle.generate import cut, merged, reorganise
from tests.oracle.history import Event
from tests.oracle.mutations import dropped, moved, mutated
from tests.oracle.periods import Window
from tests.oracle.things import Thing

SEEDS = range(int(os.environ.get("MERIT_SEEDS", "1")))
ZONE = "America/New_York"
EACH = 60
YEARS = dt.date(2011, 1, 1), dt.date(2014, 1, 1)
SPANS: list[tuple[str | None, Window]] = [
    (None, (dt.date(2011, 8, 11), dt.date(2012, 5, 3))),
    ("quarter", YEARS),
    ("month", YEARS),
    ("week", (dt.date(2012, 1, 2), dt.date(2012, 4, 2))),
]
MIDDLE = dt.date(2012, 3, 17)
"""An as-of day in the middle of a quarter: windows end there."""


@dataclass(frozen=True)
class Told:
    """Merit after it was told everything, and what the oracle makes of the same."""

    driver: Driver
    events: list[Event]
    directory: Directory
    things: list[Thing]
    waiting: set[str]


@pytest.fixture(scope="module", params=SEEDS)
async def told(request: pytest.FixtureRequest, open_merit: OpenMerit) -> AsyncIterator[Told]:
    random = Random(request.param)
    company = replace(synthetic.company(request.param, 1, ZONE), events=[])
    reps = [p["person_id"] for p in company.people]
    events = thing_histories.histories(request.param, EACH, reps)
    changes = reorganise(random, company.memberships)
    async with open_merit(ZONE) as driver:
        await driver.found(company)
        batches = cut(random, events)
        for number, batch in enumerate(batches):
            if number == len(batches) // 2:
                await driver.write("memberships", changes)
            await driver.send(*batch)
        await driver.caught_up()
        directory = Directory(merged(company.memberships, changes))
        yield Told(driver, events, directory, *things.read(events, ZONE))


def expected(told: Told, kpi: str, kind: str, windows: list[Window], as_of: dt.date) -> dict[object, str | None]:
    return dict(thing_kpis.values(kpi, kind, told.things, told.directory, windows, as_of))


@pytest.mark.parametrize("kind", kpis.SUBJECT_KINDS)
@pytest.mark.parametrize("kpi", thing_kpis.KPIS)
async def test_kpis_over_periods(told: Told, kpi: str, kind: str) -> None:
    async def differences() -> list[str]:
        found = []
        for grain, span in SPANS:
            windows = list(periods.between(grain, *span)) if grain else [span]
            answered = await told.driver.values(kpi, kind, span, grain)
            truth = expected(told, kpi, kind, windows, YEARS[1])
            found += [f"{kpi} of {kind} {grain} {told_of}" for told_of in different(truth, _having(answered, truth))]
        return found

    await eventually(differences)


@pytest.mark.parametrize("kpi", ["follow_up_rate", "win_rate"])
async def test_windows_end_at_their_as_of_day(told: Told, kpi: str) -> None:
    window = periods.containing("quarter", MIDDLE)

    async def differences() -> list[str]:
        answered = await told.driver.values(kpi, "rep", window, None, as_of=str(MIDDLE))
        truth = expected(told, kpi, "rep", [window], MIDDLE)
        return different(truth, _having(answered, truth))

    await eventually(differences)


@pytest.mark.parametrize("kind", kpis.SUBJECT_KINDS)
async def test_the_pipeline_at_the_end_of_each_month(told: Told, kind: str) -> None:
    months = list(periods.between("month", *YEARS))
    last_days = {window[1] - periods.DAY: window for window in months}
    found = thing_kpis.pipeline(kind, told.things, told.directory, last_days)
    truth = {(subject, last_days[last]): numbers.plain(value) for (subject, last), value in found.items()}

    async def differences() -> list[str]:
        answered = await told.driver.values("pipeline_value", kind, YEARS, "month")
        return different(truth, _having(answered, truth))

    await eventually(differences)


@pytest.mark.parametrize("kind", kpis.SUBJECT_KINDS)
async def test_credit_notes_are_subtracted(told: Told, kind: str) -> None:
    facts = kpis.collect(history.read(told.events, ZONE), told.directory)
    windows = list(periods.between("month", *YEARS))
    truth = {
        (subject, window): kpis.value("sales_amount", found, window, "month")
        for (of_kind, subject), found in facts.items()
        if of_kind == kind
        for window in windows
        if found.concerns("sales_amount", window)
    }

    async def differences() -> list[str]:
        return different(truth, _having(await told.driver.values("sales_amount", kind, YEARS, "month"), truth))

    await eventually(differences)


async def test_what_waits_is_listed(told: Told) -> None:
    listed = {item["object_id"] for item in await told.driver.items("/v1/data-quality", kind="waiting")}
    assert listed == told.waiting
    assert listed


async def test_merit_verifies_itself(told: Told) -> None:
    auditor = await told.driver.as_role("auditor")
    answer = await auditor.get("/v1/verification/kpis")
    assert answer.status_code == 200, answer.text
    assert [check for check in answer.json() if not check["ok"]] == []


async def test_the_comparison_goes_red(told: Told) -> None:
    """An oracle that lost an answered survey, or had it a day later, does not agree with Merit: so they do compare."""
    windows = list(periods.between("day", dt.date(2011, 6, 1), dt.date(2012, 6, 1)))
    answered = await told.driver.values("mean_score", "company", (windows[0][0], windows[-1][1]), "day")
    answered = {cell: value for cell, value in answered.items() if value is not None}
    first = next(n for n, e in enumerate(told.events) if _makes_a_figure(e, told.events))
    for mutation in (dropped, moved):
        other, _ = things.read(mutated(told.events, first, mutation), ZONE)
        truth = thing_kpis.values("mean_score", "company", other, told.directory, windows, YEARS[1])
        assert different(truth, answered), told.events[first]


def _makes_a_figure(event: Event, events: list[Event]) -> bool:
    same = [e for e in events if e["data"].get("survey_id") == event["data"].get("survey_id")]
    placed = "2011-06-05" < event["time"] < "2012-05-25" and "business_date" not in event["data"]
    return event["type"] == "crm.survey.answered.v1" and len(same) == 1 and placed


def _having(answered: dict[figures.Cell, str | None], truth: object) -> dict[object, str | None]:
    """The cells that say something, and those that must be there though they say nothing."""
    assert isinstance(truth, dict)
    return {cell: value for cell, value in answered.items() if cell in truth or value not in (None, "0")}
