"""A CRM's export went wrong: what it sent lies in quarantine, and an operator brings it into the books."""

from __future__ import annotations

from typing import Any

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import BATCH, Driver

SOURCE = "/crm/a"
DAY = ("2026-03-01", "2026-03-02")


def order(number: int, **data: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": f"e{number}", "source": SOURCE, "type": "crm.order.placed.v1"}
    known = {"order_id": f"o{number}", "amount": "10", "currency": "USD", "credits": [{"rep_id": "r", "share": "1"}]}
    return event | {"time": "2026-03-01T12:00:00Z", "data": known | data}


async def sales(driver: Driver, position: str) -> str | None:
    client = await driver.as_role("analyst")
    query = {"subject_kind": "company", "from": DAY[0], "to": DAY[1], "after": position}
    answer = await client.get("/v1/kpis/sales_amount/values", params=query)
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["items"]
    return str(item["value"])


async def entries(driver: Driver, **query: str) -> list[dict[str, Any]]:
    return await driver.items("/v1/quarantine", await driver.as_role("admin"), **query)


async def send(driver: Driver, *events: dict[str, Any]) -> dict[str, Any]:
    client = await driver.as_source(SOURCE)
    answer = await client.post("/v1/events", json=list(events), headers={"content-type": BATCH})
    assert answer.status_code == 202, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
async def driver(open_merit: OpenMerit) -> Any:
    async with open_merit() as opened:
        yield opened


async def test_a_faulty_export_is_brought_into_the_books(driver: Driver) -> None:
    wrong = [order(n, currency="usd") for n in range(1, 6)]
    told = await send(driver, order(0), *wrong, order(6, amount="-5"))
    assert (told["accepted"], told["quarantined"]) == (1, 6)
    assert await sales(driver, told["position"]) == "10"

    admin = await driver.as_role("admin")
    edit = {"action": "correct", "filter": {"pointer": "/data/currency"}, "patch": {"data": {"currency": "USD"}}}
    tried = (await admin.post("/v1/quarantine/bulk", json=edit | {"dry_run": True})).json()
    assert [item["result"] for item in tried["items"]] == ["accepted"] * 5
    assert await sales(driver, told["position"]) == "10"
    done = (await admin.post("/v1/quarantine/bulk", json=edit | {"dry_run": False})).json()
    assert [item["state"] for item in done["items"]] == ["resolved"] * 5
    assert await sales(driver, done["position"]) == "60"

    (left,) = await entries(driver, state="open")
    machine = await driver.as_source(SOURCE)
    path = f"/v1/quarantine/{left['quarantine_id']}"
    etag = (await machine.get(path)).headers["etag"]
    patch = {"data": {"amount": "5"}}
    answer = await machine.patch(path, json=patch, headers={"if-match": etag})
    assert answer.status_code == 200, answer.text
    assert await sales(driver, answer.json()["position"]) == "65"
    assert (await machine.patch(path, json=patch, headers={"if-match": etag})).status_code == 412

    fixed = [event | {"data": event["data"] | {"currency": "USD"}} for event in wrong]
    again = await send(driver, *wrong, *fixed)
    assert (again["quarantined"], again["duplicate"]) == (5, 5)
    assert await sales(driver, again["position"]) == "65"

    (only_mine,) = [e for e in await audit(driver, "auditor") if e["action"] == "corrected" and e["change"] == patch]
    assert only_mine["undo"] == {"data": {"amount": "-5"}}
    assert {e["actor"] for e in await audit(driver, "admin")} == {done_by(await audit(driver, "auditor"), 5)}


async def audit(driver: Driver, role: str) -> list[dict[str, Any]]:
    return await driver.items("/v1/audit/quarantine", await driver.as_role(role))


def done_by(lines: list[dict[str, Any]], times: int) -> str:
    """Who resolved so many."""
    actors = [line["actor"] for line in lines if line["action"] == "appended"]
    (found,) = {actor for actor in actors if actors.count(actor) == times}
    return str(found)


async def test_another_source_sees_and_changes_nothing_of_it(driver: Driver) -> None:
    kept = (await send(driver, order(1, currency="usd")))["results"][0]["quarantine_id"]
    other = await driver.as_source("/crm/b")
    bulk = {"action": "discard", "reason": "x", "dry_run": False}
    assert (await other.get(f"/v1/quarantine/{kept}")).status_code == 404
    assert (await other.post(f"/v1/quarantine/{kept}/discard", json={"reason": "x"})).status_code == 404
    assert (await other.post("/v1/quarantine/bulk", json=bulk | {"filter": {}})).json()["items"] == []
    named = await other.post("/v1/quarantine/bulk", json=bulk | {"entries": [{"quarantine_id": kept}]})
    assert named.json()["items"][0]["problem"]["code"] == "unknown-entry"
    assert [entry["state"] for entry in await entries(driver)] == ["open"]
