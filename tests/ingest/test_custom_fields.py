"""The company's own fields: declared, held to at the door, taken back, each decision kept and announced."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from chassis.bus import At, Partition
from chassis.outbox import Relay
from contracts import envelope
from contracts.custom_fields import CUSTOM_FIELD_DECLARED, CustomField
from contracts.topics import ACCEPTED_FROM_CRM, CUSTOM_FIELDS
from services.ingest.app import create_app
from services.ingest.domain.custom_fields import FIELDS_MAX
from tests.ingest.events import golden

TYPE = "crm.order.placed.v1"


async def declare(door: Any, name: str, type: str, required: bool = False, *event_types: str, **headers: str) -> Any:
    body = {"type": type, "required": required, "event_types": list(event_types or [TYPE])}
    async with door.client() as client:
        return await client.put(f"/v1/custom-fields/{name}", json=body, headers=headers)


async def announced(door: Any) -> list[CustomField]:
    """What the relay carries to the topic, in order."""
    partition = Partition(CUSTOM_FIELDS.name, 0)
    start = (await door.bus.ends(CUSTOM_FIELDS.name))[partition]
    while await Relay(door.bus.inner, door.database).carry():
        pass
    records = await door.bus.read(At(partition, start), 1_000)
    events = [envelope.decode(record.value) for record in records]
    assert [event.type for event in events] == [CUSTOM_FIELD_DECLARED] * len(events)
    assert [record.key.decode() for record in records] == [event.subject for event in events]
    return [msgspec.json.decode(event.data, type=CustomField) for event in events]


GOOD = {
    "text": ["", "abc", "12", "2026-03-31"],
    "decimal": ["0", "-12.50", "1" * 20 + "." + "1" * 10, 7, -7],
    "date": ["2026-03-31", "1901-01-01", "2199-12-31"],
    "boolean": [True, False],
}
BAD = {
    "text": [(1, "wrong-type"), (True, "wrong-type")],
    "decimal": [
        (True, "wrong-type"), ("", "not-a-decimal"), ("1e3", "not-a-decimal"), ("NaN", "not-a-decimal"),
        ("1,5", "not-a-decimal"), ("1\n", "not-a-decimal"), ("١", "not-a-decimal"), ("1" * 21, "out-of-bounds"),
        ("0." + "1" * 11, "out-of-bounds"), (2**64, "out-of-bounds"),
    ],
    "date": [
        (20260331, "wrong-type"), ("", "not-a-date"), ("2026-02-30", "not-a-date"), ("20260331", "not-a-date"),
        ("2026-W13-2", "not-a-date"), ("2026-03-31T00:00:00Z", "not-a-date"), ("31.3.2026", "not-a-date"),
    ],
    "boolean": [("true", "wrong-type"), (1, "wrong-type"), ("", "wrong-type")],
}  # fmt: skip


@pytest.mark.parametrize("type", GOOD)
async def test_a_value_of_its_type_is_accepted(door: Any, placed: Any, type: str) -> None:
    assert (await declare(door, "field", type)).status_code == 200
    events = [placed(attributes={"field": value}) for value in (*GOOD[type], None)] + [placed(), placed(attributes={})]
    assert set(await door.outcomes(*events)) == {"accepted"}


@pytest.mark.parametrize(("type", "value", "code"), [(t, v, c) for t, bad in BAD.items() for v, c in bad])
async def test_a_value_of_another_type_is_a_fault(door: Any, placed: Any, type: str, value: Any, code: str) -> None:
    await declare(door, "field", type)
    (result,) = (await door.send(placed(attributes={"field": value, "other": value}))).json()["results"]
    found = {(fault["pointer"], fault["code"]) for fault in result["faults"]}
    found.discard(("/data/attributes/other", "out-of-bounds"))  # the bound of any whole number
    assert found == {("/data/attributes/field", code)}


async def test_a_float_under_a_declared_name_has_one_fault(door: Any, placed: Any) -> None:
    await declare(door, "field", "decimal")
    (result,) = (await door.send(placed(attributes={"field": 0.5}))).json()["results"]
    assert [(f["pointer"], f["code"]) for f in result["faults"]] == [("/data/attributes/field", "wrong-type")]


@pytest.mark.parametrize("attributes", [{}, {"field": None}, {"field": ""}, {"other": "x"}])
async def test_what_is_required_must_be_filled_in(door: Any, placed: Any, attributes: dict[str, Any]) -> None:
    await declare(door, "field", "text", True)
    (result,) = (await door.send(placed(attributes=attributes))).json()["results"]
    (fault,) = result["faults"]
    assert (fault["pointer"], fault["code"]) == ("/data/attributes/field", "required-by-declaration")
    assert await door.outcomes(placed(attributes={"field": "x"})) == ["accepted"]


async def test_events_without_any_attributes_lack_it_too(door: Any, placed: Any) -> None:
    await declare(door, "field", "boolean", True)
    (result,) = (await door.send(placed())).json()["results"]
    assert [fault["code"] for fault in result["faults"]] == ["required-by-declaration"]


async def test_only_the_named_types_are_held_to_it(door: Any) -> None:
    others = [name for name in ACCEPTED_FROM_CRM if name != TYPE]
    await declare(door, "field", "decimal", True, *others)
    for event_type in ACCEPTED_FROM_CRM:
        event = golden(event_type)
        event["data"]["attributes"] = {"field": "no decimal"}
        expected = ["accepted"] if event_type == TYPE else ["quarantined"]
        assert await door.outcomes(event) == expected, event_type


async def test_a_resend_of_what_was_accepted_is_a_duplicate_all_the_same(door: Any, placed: Any) -> None:
    event = placed(attributes={"field": "x"})
    assert await door.outcomes(event) == ["accepted"]
    await declare(door, "field", "date", True)
    assert await door.outcomes(event) == ["duplicate"]


async def test_each_decision_is_kept_with_who_and_when_and_announced_in_order(door: Any) -> None:
    first = await declare(door, "续约日", "date")
    again = await declare(door, "续约日", "date")
    assert (first.json()["version"], again.json()["version"]) == (1, 1), "to say the same again changes nothing"
    door.clock.at += door.clock.at.resolution * 1_000_000
    await declare(door, "续约日", "date", True, TYPE, "crm.opportunity.won.v1")
    async with door.client() as client:
        assert (await client.delete("/v1/custom-fields/续约日")).status_code == 204
        assert (await client.delete("/v1/custom-fields/续约日")).status_code == 204
        shown = (await client.get("/v1/custom-fields/续约日")).json()
        listed = (await client.get("/v1/custom-fields")).json()
    assert [(v["version"], v["required"], v["active"]) for v in shown["versions"]] == [
        (3, True, False),
        (2, True, True),
        (1, False, True),
    ]
    assert {v["decided_by"] for v in shown["versions"]} == {"tester"}
    assert shown["versions"][1]["decided_at"] > shown["versions"][2]["decided_at"]
    assert listed["items"] == [{name: value for name, value in shown.items() if name != "versions"}]
    told = await announced(door)
    assert [(f.name, f.version, f.type, f.required, f.active) for f in told] == [
        ("续约日", 1, "date", False, True),
        ("续约日", 2, "date", True, True),
        ("续约日", 3, "date", True, False),
    ]
    assert told[1].event_types == [TYPE, "crm.opportunity.won.v1"]
    assert await announced(door) == []


async def test_what_was_taken_back_is_asked_of_nothing_and_can_be_declared_again(door: Any, placed: Any) -> None:
    await declare(door, "field", "decimal", True)
    assert await door.outcomes(placed()) == ["quarantined"]
    async with door.client() as client:
        await client.delete("/v1/custom-fields/field")
    assert await door.outcomes(placed(attributes={"field": "x"})) == ["accepted"]
    assert (await declare(door, "field", "text")).status_code == 422
    assert (await declare(door, "field", "decimal")).json()["version"] == 3
    assert await door.outcomes(placed(attributes={"field": "x"})) == ["quarantined"]


async def test_another_process_knows_within_a_second(door: Any, placed: Any) -> None:
    other = create_app(door.deps)
    event, headers = placed(attributes={"field": "x"}), {"content-type": "application/cloudevents+json"}
    async with door.client(app=other) as client:
        await client.post("/v1/events", content=json.dumps(placed()), headers=headers)  # it knows of no field now
        await declare(door, "field", "decimal")
        door.clock.at += door.clock.at.resolution * 1_000_000
        answer = await client.post("/v1/events", content=json.dumps(event), headers=headers)
    assert answer.json()["quarantined"] == 1


async def test_the_catalogue_shows_the_fields_of_each_type(door: Any) -> None:
    await declare(door, "b", "text", False, TYPE, "crm.case.opened.v1")
    await declare(door, "a", "decimal", True)
    async with door.client() as client:
        await declare(door, "gone", "date")
        await client.delete("/v1/custom-fields/gone")
    items = {item["type"]: item["custom_fields"] for item in (await door.get("/v1/event-types")).json()["items"]}
    assert {name: [field["name"] for field in fields] for name, fields in items.items() if fields} == {
        TYPE: ["a", "b"],
        "crm.case.opened.v1": ["b"],
    }


FAULTS: dict[str, tuple[str, dict[str, Any], list[tuple[str, str]]]] = {
    "unknown type": ("f", {"type": "float"}, [("/type", "literal_error")]),
    "no event type": ("f", {"event_types": []}, [("/event_types", "too_short")]),
    "unknown event type": ("f", {"event_types": ["crm.order.lost.v1"]}, [("/event_types/0", "unknown-type")]),
    "a type of Merit's own": ("f", {"event_types": ["merit.target.set.v1"]}, [("/event_types/0", "unknown-type")]),
    "an event type twice": ("f", {"event_types": [TYPE, TYPE]}, [("/event_types/1", "repeated")]),
    "required is no boolean": ("f", {"required": "yes"}, [("/required", "bool_type")]),
    "a field too many": ("f", {"active": False}, [("/active", "extra_forbidden")]),
    "a name with a digit first": ("1f", {}, [("/name", "bad-name")]),
    "a name with a dot": ("a.b", {}, [("/name", "bad-name")]),
    "a name with a space": ("a b", {}, [("/name", "bad-name")]),
    "a name with NUL": ("a%00", {}, [("/name", "bad-name")]),
    "a name that is too long": ("a" * 65, {}, [("/name", "bad-name")]),
    "another type than before": ("taken", {"type": "date"}, [("/type", "type-is-fixed")]),
}


@pytest.mark.parametrize("case", FAULTS)
async def test_a_declaration_with_a_fault_is_refused_with_a_pointer(door: Any, case: str) -> None:
    await declare(door, "taken", "text")
    name, changes, faults = FAULTS[case]
    body = {"type": "text", "event_types": [TYPE]} | changes
    async with door.client() as client:
        answer = await client.put(f"/v1/custom-fields/{name}", json=body)
        assert answer.status_code == 422, answer.text
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == faults
        assert (await client.get(f"/v1/custom-fields/{name}")).status_code == (200 if name == "taken" else 404)
        assert [f["version"] for f in (await client.get("/v1/custom-fields")).json()["items"]] == [1]


async def test_there_is_a_limit(door: Any) -> None:
    async with door.database.transaction() as conn:
        await conn.execute(
            "insert into custom_field select 'f' || n, 1, 'text', false, '{}', false, 'x', now()"
            " from generate_series(1, $1) n",
            FIELDS_MAX,
        )
    answer = await declare(door, "one_more", "text")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/name", "too-many")]
    assert (await declare(door, "f1", "text")).status_code == 200


async def test_a_declaration_is_changed_by_those_who_have_read_it(door: Any) -> None:
    absent = await declare(door, "field", "text", **{"if-match": '"1"'})
    first = await declare(door, "field", "text")
    async with door.client() as client:
        stale = await client.delete("/v1/custom-fields/field", headers={"if-match": '"7"'})
        unknown = await client.delete("/v1/custom-fields/other", headers={"if-match": "*"})
        fresh = await client.delete("/v1/custom-fields/field", headers={"if-match": first.headers["etag"]})
    late = await declare(door, "field", "text", **{"if-match": first.headers["etag"]})
    statuses = [answer.status_code for answer in (absent, first, stale, unknown, fresh, late)]
    assert statuses == [412, 200, 412, 404, 204, 412]


async def test_two_who_declare_at_once_are_one_after_the_other(door: Any) -> None:
    answers = await asyncio.gather(*(declare(door, "field", type) for type in ("text", "decimal", "date", "boolean")))
    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    assert len(await announced(door)) == 1
