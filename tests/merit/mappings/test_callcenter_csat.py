"""The call centre's workbook: calls become cases, ratings become surveys, and what was not rated is no zero."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
import pytest_asyncio

from tests.merit.mappings.sets import Mapped, Thing, expected, grouped, mapped, mean, month, overall, ratio

OPENED, RESPONDED, RESOLVED = (f"crm.case.{what}.v1" for what in ("opened", "responded", "resolved"))
ANSWERED = "crm.survey.answered.v1"
COLUMNS = ("calls", "answered", "resolved", "ratings", "rating_sum", "rating_4_5", "mean_speed", "mean_rating",
           "csat_share")  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def calls() -> Mapped:
    return await mapped("callcenter_csat")


def agent(data: Thing) -> str:
    return str(data["rep_id"] if "rep_id" in data else data["credits"][0]["rep_id"])


def topic(data: Thing) -> str:
    return str(data["category"] if "category" in data else data["attributes"]["topic"])


def day(data: Thing) -> str:
    return str(data["business_date"])


def figures(calls: Mapped, *keys: Callable[[Thing], str]) -> dict[tuple[str, ...], list[Decimal]]:
    opened_at = {data["case_id"]: data["time"] for data in calls.data(OPENED)}
    opened, responded, resolved, answered = (
        grouped(calls.data(kind), *keys) for kind in (OPENED, RESPONDED, RESOLVED, ANSWERED)
    )
    found = {}
    for key in opened:
        scores = [data["score"] for data in answered.get(key, ())]
        waits = [(data["time"] - opened_at[data["case_id"]]).seconds for data in responded.get(key, ())]
        good = sum(score >= 4 for score in scores)
        counts = [opened[key], responded.get(key, ()), resolved.get(key, ()), scores]
        found[key] = [*(Decimal(len(things)) for things in counts), Decimal(sum(scores)), Decimal(good)]
        found[key] += [mean(waits), mean(scores), ratio(good, len(scores))]
    return found


FILES = {
    "agent_month": (("Agent", "month"), (agent, month)),
    "agent_total": (("Agent",), (agent,)),
    "topic_total": (("Topic",), (topic,)),
    "day": (("Date",), (day,)),
}


@pytest.mark.parametrize("file", FILES)
def test_every_figure_of_the_reference(calls: Mapped, file: str) -> None:
    columns, keys = FILES[file]
    assert figures(calls, *keys) == expected("callcenter_csat", file, columns, COLUMNS)


def test_the_whole(calls: Mapped) -> None:
    said = overall("callcenter_csat")
    (found,) = figures(calls).values()
    assert dict(zip(COLUMNS, found, strict=True)).items() >= said.items()
    assert len(calls.things["people"]) == 8
