"""What a CRM sends is seldom all well: how well, its owners see over time, each what is theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.journeys.conftest import OpenMerit
from tests.journeys.driver import BATCH, Driver, eventually

SOURCE, OTHER = "/crm/a", "/crm/b"
PLACED = "crm.order.placed.v1"
SPAN = {"from": "2020-01-01", "to": "2030-01-01"}
PATH = "/v1/data-quality/statistics"
TOLD = ("accepted", "duplicate", "conflict", "quarantined", "resolved", "discarded", "waiting", "unresolved")


def order(id: str, rep: str, source: str = SOURCE, kind: str = "placed", **data: Any) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": id, "source": source, "type": f"crm.order.{kind}.v1"}
    known = {"order_id": f"o{id}", "amount": "10", "currency": "USD", "credits": [{"rep_id": rep, "share": "1"}]}
    return event | {"time": "2026-03-01T12:00:00Z", "data": known | data}


async def send(driver: Driver, *events: dict[str, Any]) -> list[dict[str, Any]]:
    client = await driver.as_role("integration")
    answer = await client.post("/v1/events", json=list(events), headers={"content-type": BATCH})
    assert answer.status_code == 202, answer.text
    driver.reached(answer.json()["position"])
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


@pytest.fixture(scope="module")
async def merit(open_merit: OpenMerit) -> AsyncIterator[Driver]:
    """Two reps below a manager, and a third one below nobody; two sources, and whatever can become of an event."""
    async with open_merit() as driver:
        people = [{"person_id": p, "name": p.upper(), "roles": ["rep"]} for p in ("ann", "bob", "cy")]
        people.append({"person_id": "boss", "name": "BOSS", "roles": ["manager"]})
        await driver.write("people", people)
        below = {"kind": "manager", "of": "boss", "valid_from": "2020-01-01"}
        await driver.write("memberships", [below | {"person_id": p} for p in ("ann", "bob")])
        wrong = [order(f"w{n}", rep, currency="usd") for n, rep in enumerate(("ann", "cy", "cy"))]
        await send(driver, order("1", "ann"), order("2", "bob"), order("3", "cy", OTHER), order("4", "stranger"))
        kept = await send(driver, *wrong, wrong[0], order("1", "ann"), order("2", "bob", amount="11"))
        await send(driver, order("5", "bob", kind="amended"))
        admin = await driver.as_role("admin")
        patch = {"data": {"currency": "USD"}}
        fixed = await admin.patch(f"/v1/quarantine/{kept[0]['quarantine_id']}", json=patch)
        driver.reached(fixed.json()["position"])
        reason = {"reason": "a test"}
        await admin.post(f"/v1/quarantine/{kept[1]['quarantine_id']}/discard", json=reason)
        await driver.caught_up()
        yield driver


async def rows(driver: Driver, who: Any, *by: str, **query: Any) -> dict[tuple[str, ...], dict[str, int]]:
    """By the keys of the groups, what was counted and is not zero."""
    items = await driver.items(PATH, who, group_by=list(by), **SPAN | query)
    names = [{"rep": "rep_id", "day": "from", "month": "from"}.get(name, name) for name in by]
    return {tuple(i[n] for n in names): {name: i[name] for name in TOLD if i[name]} for i in items}


async def test_everything_that_was_sent_is_in_one_table(merit: Driver) -> None:
    whole = {"accepted": 6, "duplicate": 2, "conflict": 1, "quarantined": 3}
    whole |= {"resolved": 1, "discarded": 1, "waiting": 1, "unresolved": 1}

    async def differences() -> list[str]:
        found = await rows(merit, await merit.as_role("analyst"))
        return [f"{found}"] if found != {(): whole} else []

    await eventually(differences)  # the door tells its counts within seconds
    analyst = await merit.as_role("analyst")
    by_source = await rows(merit, analyst, "source")
    assert {source: row["accepted"] for (source,), row in by_source.items()} == {SOURCE: 5, OTHER: 1}
    assert await rows(merit, analyst, "type", type="crm.order.amended.v1") == {
        ("crm.order.amended.v1",): {"accepted": 1, "waiting": 1}
    }
    by_rep = await rows(merit, analyst, "rep")
    assert by_rep["ann",] == {"accepted": 2, "duplicate": 2, "quarantined": 1, "resolved": 1}
    assert by_rep["bob",] == {"accepted": 2, "conflict": 1, "waiting": 1}
    assert by_rep["stranger",] == {"accepted": 1, "unresolved": 1}
    (item,) = await merit.items(PATH, analyst, **SPAN)
    assert item["shares"]["accepted"] == "0.500000"
    assert item["fields_missing"]["customer_id"] == {"events": 6, "missing": 6, "share": "1.000000"}
    assert item["late"] == 6
    assert item["entry_hours"]["median_at_most"] is None
    assert len(await merit.items(PATH, analyst, **SPAN, group_by=["day", "source", "type", "rep"], limit=2)) > 5


async def test_each_sees_what_is_theirs(merit: Driver) -> None:
    await test_everything_that_was_sent_is_in_one_table(merit)
    assert set(await rows(merit, await merit.as_person("ann"), "rep")) == {("ann",)}
    assert set(await rows(merit, await merit.as_person("boss"), "rep")) == {("ann",), ("bob",)}
    assert (await rows(merit, await merit.as_person("boss")))[()]["accepted"] == 4
    assert await rows(merit, await merit.as_person("ann"), rep_id="bob") == {}
    assert await rows(merit, await merit.as_person("cy"), "source", source=OTHER) == {(OTHER,): {"accepted": 1}}
    for role in ("admin", "integration"):
        assert (await (await merit.as_role(role)).get(PATH, params=SPAN)).status_code == 403


async def test_a_machine_that_was_granted_it_sees_its_own_source(merit: Driver) -> None:
    admin = await merit.as_role("admin")
    asked = {
        "client_id": "crm-b",
        "roles": ["integration"],
        "source": OTHER,
        "granted": {"data_quality.read": "source"},
    }
    made = (await admin.post("/v1/clients", json=asked)).json()
    async with merit.running.client() as client:
        grant = {"grant_type": "client_credentials", "client_id": "crm-b", "client_secret": made["client_secret"]}
        token = (await client.post("/oauth/token", data=grant)).json()["access_token"]
        client.headers["authorization"] = f"Bearer {token}"
        assert await rows(merit, client, "source") == {(OTHER,): {"accepted": 1}}
        assert await rows(merit, client, "source", source=SOURCE) == {}


NONSENSE = [
    {"from": "2026-01-02", "to": "2026-01-02"},
    {"from": "2026-01-02"},
    {"from": "1990-01-01", "to": "2026-01-01"},
    SPAN | {"group_by": ["day", "month"]},
    SPAN | {"group_by": ["rep", "rep"]},
    SPAN | {"group_by": "colour"},
    SPAN | {"cursor": "x"},
    SPAN | {"group_by": "rep", "cursor": "W10"},
    SPAN | {"group_by": "day", "cursor": "WyJ4Il0"},
    SPAN | {"source": ""},
    SPAN | {"colour": "red"},
]


@pytest.mark.parametrize("query", NONSENSE, ids=str)
async def test_a_question_that_makes_no_sense_is_a_422(merit: Driver, query: dict[str, Any]) -> None:
    answer = await (await merit.as_role("analyst")).get(PATH, params=query)
    assert answer.status_code == 422, answer.text
