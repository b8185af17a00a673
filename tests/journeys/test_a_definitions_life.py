"""A definition's life through the API: drafted, previewed, published from a day on, read by any version, withdrawn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import Driver

PAID = [{"field": "attributes.channel", "operator": "eq", "value": "web"}]
SALES: dict[str, Any] = {"label": {"en": "Sales"}, "kind": "simple", "over": "order", "measure": "sum"}
SALES |= {"field": "amount", "unit": "money", "direction": "up"}
MONTHS = {"subject_kind": "company", "from": "2026-01-01", "to": "2026-03-01", "grain": "month"}


@pytest.fixture
async def driver(open_merit: OpenMerit) -> AsyncIterator[Driver]:
    """In January and February an order of 10 by the web and one of 5 by another way."""
    async with open_merit("UTC") as driver:
        events = [
            {
                "specversion": "1.0",
                "type": "crm.order.placed.v1",
                "source": "/crm",
                "id": f"{month} {channel}",
                "time": f"2026-{month:02d}-15T12:00:00Z",
                "data": {"order_id": f"{month} {channel}", "amount": amount, "currency": "USD", "credits": [],
                         "attributes": {"channel": channel}},
            }
            for month in (1, 2) for channel, amount in (("web", "10"), ("shop", "5"))
        ]  # fmt: skip
        await driver.send(*events)
        await driver.caught_up()
        yield driver


async def values(client: httpx.AsyncClient, **query: str) -> list[tuple[str, int]]:
    answer = await client.get("/v1/kpis/mine/values", params=MONTHS | query)
    assert answer.status_code == 200, answer.text
    return [(item["value"], item["version"]) for item in answer.json()["items"]]


async def test_from_a_draft_to_a_version_that_holds_from_a_day_on(driver: Driver) -> None:
    await driver.define("mine", SALES)
    client = await driver.as_role("analyst")
    wrong = await client.put("/v1/kpis/mine/draft", json=SALES | {"field": "size"})
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/field")
    saved = await client.put("/v1/kpis/mine/draft", json=SALES | {"where": PAID})
    stale = await client.put("/v1/kpis/mine/draft", json=SALES, headers={"If-Match": '"other"'})
    assert (saved.status_code, stale.status_code) == (200, 412)
    assert (await client.get("/v1/kpis/mine/draft")).headers["etag"] == saved.headers["etag"]
    assert [d["key"] for d in (await client.get("/v1/kpi-drafts")).json()["items"]] == ["mine"]
    preview = (await client.post("/v1/kpis/mine/preview", params=MONTHS)).json()
    seen = [(i["value"], i["published_value"], i["difference"], i["relative"]) for i in preview["items"]]
    assert seen == [("10", "15", "-5", "-0.333333")] * 2
    assert await values(client) == [("15", 1), ("15", 1)], "a preview changes nothing"
    request: dict[str, Any] = {"json": {"valid_from": "2026-02-01"}, "headers": {"Idempotency-Key": "one"}}
    published = await client.post("/v1/kpis/mine/publish", **request)
    assert (published.status_code, published.json()["version"], published.json()["status"]) == (200, 2, "published")
    assert (await client.post("/v1/kpis/mine/publish", **request)).json() == published.json()
    assert (await client.post("/v1/kpis/mine/publish", json={})).status_code == 404
    assert await values(client) == [("15", 1), ("10", 2)]
    assert await values(client, version="1") == [("15", 1), ("15", 1)]
    listed = (await client.get("/v1/kpis/mine/versions")).json()["items"]
    assert [(v["version"], v["status"], v["valid_from"]) for v in listed] == [
        (2, "published", "2026-02-01"),
        (1, "published", None),
    ]
    assert (await client.delete("/v1/kpis/mine/versions/2")).status_code == 409
