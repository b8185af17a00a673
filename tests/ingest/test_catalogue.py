"""The catalogue: every type with its schema, example and policy; what a policy requires, of any type."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from contracts.topics import ACCEPTED_FROM_CRM, EVENT_TYPES, object_key
from tests.ingest.events import golden

TYPE = "crm.order.placed.v1"


async def test_the_catalogue_shows_every_type_with_its_schema(door: Any) -> None:
    items = (await door.get("/v1/event-types")).json()["items"]
    assert [(item["type"], item["topic"]) for item in items] == [
        (name, topic.name) for name, topic in ACCEPTED_FROM_CRM.items()
    ]
    for item in items:
        assert item["key"] == f"/data/{object_key(item['type'])}"
        assert (item["required"], item["policy_version"], item["custom_fields"]) == ([], 0, [])
        assert item["schema"]["properties"]["type"] == {"const": item["type"]}
        assert await door.outcomes(item["example"]) == ["accepted"]
    one = (await door.get(f"/v1/event-types/{TYPE}")).json()
    assert one["schema"]["$defs"]["OrderPlaced"]["additionalProperties"] is False
    assert (await door.get("/v1/event-types/merit.target.set.v1")).status_code == 404


async def test_what_a_policy_requires_must_be_filled_in(door: Any, placed: Any) -> None:
    pointers = ["/data/customer_id", "/data/attributes/region", "/data/credits", "/subject"]
    async with door.client() as client:
        first = await client.put(f"/v1/event-types/{TYPE}", json={"required": []})
        answer = await client.put(f"/v1/event-types/{TYPE}", json={"required": pointers})
    assert (first.json()["policy_version"], answer.json()["policy_version"]) == (1, 2)
    assert answer.json()["required"] == pointers
    assert (answer.json()["decided_by"], answer.json()["decided_at"]) == ("tester", "2026-03-10T15:00:00Z")
    empty = placed(customer_id="", credits=[], attributes={"region": None})
    full = placed(attributes={"region": "EU"}, event={"subject": "x"})
    refused, accepted = (await door.send(empty, full)).json()["results"]
    assert accepted["outcome"] == "accepted"
    assert {(f["pointer"], f["code"]) for f in refused["faults"]} == {
        ("/data/customer_id", "empty"),
        *((pointer, "required-by-policy") for pointer in pointers),
    }


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"required": ["/data/colour"]}, "/required/0"),
        ({"required": ["/data/amount", "data/amount"]}, "/required/1"),
        ({"required": ["/data/amount", "/data/amount"]}, "/required/1"),
        ({"required": ["/data/credits/0/rep_id"]}, "/required/0"),
        ({"required": [""]}, "/required/0"),
        ({"required": ["/whatever"]}, "/required/0"),
        ({"required": ["/data/amount/x"]}, "/required/0"),
        ({"required": [3]}, "/required/0"),
        ({"required": [], "role": "admin"}, "/role"),
        ({}, "/required"),
    ],
)
async def test_a_policy_that_leads_nowhere_is_refused(door: Any, body: dict[str, Any], pointer: str) -> None:
    async with door.client() as client:
        answer = await client.put(f"/v1/event-types/{TYPE}", json=body)
        assert (await client.put("/v1/event-types/no", json={"required": []})).status_code == 404
    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]
    assert (await door.get(f"/v1/event-types/{TYPE}")).json()["policy_version"] == 0


async def test_a_policy_is_changed_by_those_who_have_read_it(door: Any) -> None:
    async with door.client() as client:
        read = (await client.get(f"/v1/event-types/{TYPE}")).headers["etag"]
        headers = {"if-match": read}
        body = {"required": ["/data/territory"]}
        first = await client.put(f"/v1/event-types/{TYPE}", json=body, headers=headers)
        second = await client.put(f"/v1/event-types/{TYPE}", json={"required": []}, headers=headers)
        third = await client.put(f"/v1/event-types/{TYPE}", json=body, headers={"if-match": first.headers["etag"]})
    assert (first.status_code, second.status_code, third.status_code) == (200, 412, 200)
    assert second.json()["type"].endswith("/policy-changed")
    assert third.json()["policy_version"] == 2


@pytest.mark.parametrize("event_type", ACCEPTED_FROM_CRM)
async def test_any_field_of_any_type_can_be_required(door: Any, event_type: str) -> None:
    """What a company always has it makes required, whatever the type: each optional field, one after the other."""
    fields = [field for field in msgspec.structs.fields(EVENT_TYPES[event_type]) if not field.required]
    pointers = [f"/data/{field.encode_name}" for field in fields] + ["/data/attributes/region"]
    async with door.client() as client:
        answer = await client.put(f"/v1/event-types/{event_type}", json={"required": pointers})
    assert answer.status_code == 200, answer.text
    event = golden(event_type)
    event["data"] = {name: value for name, value in event["data"].items() if f"/data/{name}" not in pointers}
    if event_type == "crm.order.refunded.v1":
        event["data"]["amount"] = "1"
        pointers.remove("/data/amount")
    (result,) = (await door.send(event)).json()["results"]
    assert {(f["pointer"], f["code"]) for f in result["faults"]} == {(p, "required-by-policy") for p in pointers}
