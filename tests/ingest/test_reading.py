"""The quarantine, the check of promise 1, and who may do what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from chassis.bus import At, Outgoing, parse_positions
from chassis.db import connect
from services.ingest.app import create_app

TYPE = "crm.order.placed.v1"


async def test_the_list_has_filters_and_pages(door: Any, placed: Any) -> None:
    for number in range(5):
        door.clock.at += door.clock.at.resolution * 1_000_000
        await door.send(placed(currency="ZZZ", event={"source": f"s{number % 2}"}), placed(event={"type": "no"}))
    everything = (await door.get("/v1/quarantine?limit=200")).json()
    assert len(everything["items"]) == 10
    assert everything["next_cursor"] is None
    received = [item["received_at"] for item in everything["items"]]
    assert received == sorted(received, reverse=True)
    paged, cursor = [], ""
    while cursor is not None:
        page = (await door.get(f"/v1/quarantine?limit=3{cursor and '&cursor=' + cursor}")).json()
        paged += page["items"]
        cursor = page["next_cursor"]
    assert paged == everything["items"]
    for query, count in {"source=s0": 3, f"type={TYPE}": 5, "outcome=conflict": 0, "source=s1&type=no": 0}.items():
        assert len((await door.get(f"/v1/quarantine?{query}")).json()["items"]) == count


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "outcome=accepted", "colour=red", "source="])
async def test_a_query_that_makes_no_sense_is_a_422(door: Any, query: str) -> None:
    answer = await door.get(f"/v1/quarantine?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/")


async def test_a_machine_sees_the_quarantine_of_its_own_source_only(door: Any, placed: Any) -> None:
    mine, foreign = placed(amount="x", event={"source": "mine"}), placed(amount="x")
    kept = [r["quarantine_id"] for r in (await door.send(mine, foreign)).json()["results"]]
    scope = {"scope": "quarantine.read:source", "source": "mine"}
    listed = (await door.get("/v1/quarantine", **scope)).json()["items"]
    assert [entry["quarantine_id"] for entry in listed] == kept[:1]
    assert (await door.get(f"/v1/quarantine/{kept[0]}", **scope)).status_code == 200
    foreign_answer = await door.get(f"/v1/quarantine/{kept[1]}", **scope)
    unknown_answer = await door.get("/v1/quarantine/nothing", **scope)
    assert foreign_answer.status_code == unknown_answer.status_code == 404
    assert foreign_answer.json()["detail"] == unknown_answer.json()["detail"]
    assert (await door.get("/v1/quarantine?source=crm", **scope)).json()["items"] == []
    for useless in ({"scope": "quarantine.read:source"}, {"scope": "quarantine.read:own"}):
        assert (await door.get("/v1/quarantine", **useless)).status_code == 403


async def test_a_machine_bound_to_a_source_sends_its_own_events_only(door: Any, placed: Any) -> None:
    async with door.client("events.send:source", source="mine") as client:
        headers = {"content-type": "application/cloudevents+json"}
        foreign = await client.post("/v1/events", content=json.dumps(placed()), headers=headers)
        own = await client.post("/v1/events", content=json.dumps(placed(event={"source": "mine"})), headers=headers)
    assert (foreign.status_code, own.status_code) == (403, 202)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/events"),
        ("GET", "/v1/quarantine"),
        ("GET", "/v1/quarantine/x"),
        ("GET", "/v1/event-types"),
        ("GET", f"/v1/event-types/{TYPE}"),
        ("PUT", f"/v1/event-types/{TYPE}"),
        ("GET", "/v1/custom-fields"),
        ("GET", "/v1/custom-fields/x"),
        ("PUT", "/v1/custom-fields/x"),
        ("DELETE", "/v1/custom-fields/x"),
        ("GET", "/v1/verification/events"),
    ],
)
async def test_each_route_wants_a_token_and_its_permission(door: Any, method: str, path: str) -> None:
    async with door.client("kpis.read:all") as client:
        assert (await client.request(method, path)).status_code == 403
        del client.headers["authorization"]
        refused = await client.request(method, path)
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")


async def test_verification_finds_every_accepted_event_at_its_place(door: Any, placed: Any) -> None:
    events = [placed() for _ in range(30)]
    await door.send(*events)
    await door.send(*events, placed(amount="x"), events[0] | {"subject": "other"})
    on_the_log, kept = (await door.get("/v1/verification/events")).json()
    assert (on_the_log["ok"], kept["ok"]) == (True, True)
    assert on_the_log["detail"] == "30 accepted, 0 missing, 0 differing"
    assert on_the_log["examined"] >= 30
    assert (kept["examined"], kept["detail"]) == (
        2,
        "1 quarantined, 1 conflict, 0 resolved, 0 discarded; 0 without a reason",
    )


@pytest.mark.parametrize(
    ("damage", "detail"),
    [
        ("update seen set record_offset = record_offset + 1000000", "2 accepted, 2 missing, 0 differing"),
        (r"update seen set content = '\x00'", "2 accepted, 2 missing, 2 differing"),
        (r"insert into seen values ('\x00', '\x00', 'crm-sales', 0, 0)", "3 accepted, 1 missing, 0 differing"),
    ],
)
async def test_verification_notices_damage(door: Any, placed: Any, damage: str, detail: str) -> None:
    await door.send(placed(), placed())
    async with door.database.transaction() as conn:
        await conn.execute(damage)
    on_the_log, _ = (await door.get("/v1/verification/events")).json()
    assert (on_the_log["ok"], on_the_log["detail"]) == (False, detail)


async def test_verification_walks_past_records_that_are_no_events(door: Any, placed: Any) -> None:
    await door.bus.inner.append("crm-sales", [Outgoing(b"k", b"poison"), Outgoing(b"\xff", b"{}")])
    await door.send(placed())
    assert (await door.get("/v1/verification/events")).json()[0]["ok"] is True


async def test_a_position_names_the_place_after_what_was_sent(door: Any, placed: Any) -> None:
    event = placed()
    ((partition, offset),) = parse_positions((await door.send(event)).json()["position"]).items()
    (record,) = await door.bus.read(At(partition, offset - 1), 1)
    assert json.loads(record.value) == event


async def test_the_document_describes_the_plain_route_with_its_three_modes(door: Any) -> None:
    document = (await door.get("/openapi.json")).json()
    send = document["paths"]["/v1/events"]["post"]
    assert set(send["requestBody"]["content"]) == {
        "application/cloudevents+json",
        "application/cloudevents-batch+json",
        "application/json",
    }
    assert {"202", "400", "401", "403", "413", "415", "422", "503"} <= set(send["responses"])
    example = send["requestBody"]["content"]["application/cloudevents+json"]["example"]
    assert await door.outcomes(example) == ["accepted"]


async def test_health_and_methods(door: Any) -> None:
    assert (await door.get("/livez")).status_code == (await door.get("/readyz")).status_code == 200
    wrong = await door.get("/v1/events")
    assert (wrong.status_code, wrong.headers["content-type"]) == (405, "application/problem+json")


async def test_a_database_that_is_gone_is_a_503(door: Any, placed: Any) -> None:
    gone = await connect(door.dsn, "ingest", connections_max=1)
    await gone.close()
    async with door.client(app=create_app(replace(door.deps, database=gone))) as client:
        headers = {"content-type": "application/cloudevents+json"}
        for answer in (
            await client.post("/v1/events", content=json.dumps(placed()), headers=headers),
            await client.get("/v1/quarantine"),
            await client.get("/readyz"),
        ):
            assert answer.status_code == 503
            assert answer.headers["retry-after"]
