"""F3, F5 and F6 of trust.md for every event type: each faulty field has its pointer and its code, in any batch."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest

from contracts.topics import ACCEPTED_FROM_CRM, object_key
from services.ingest.domain.text import NESTING_MAX
from services.ingest.translate import EVENT_BYTES_MAX
from tests.ingest.events import golden
from tests.ingest.fault_table import ENVELOPE, Case, cases, full, written

BATCH = "application/cloudevents-batch+json"
CHUNK = 200
OF_ONE_OBJECT = [pair for pair in itertools.combinations(ACCEPTED_FROM_CRM, 2) if len(set(map(object_key, pair))) == 1]
every_type = pytest.mark.parametrize("event_type", ACCEPTED_FROM_CRM)


def chunks(found: Sequence[Case]) -> list[Sequence[Case]]:
    return [found[start : start + CHUNK] for start in range(0, len(found), CHUNK)]


@every_type
async def test_the_event_that_the_table_changes_is_sound(door: Any, event_type: str) -> None:
    assert await door.outcomes(full(event_type)) == ["accepted"]


@every_type
async def test_each_fault_of_each_field_is_named_at_its_place(door: Any, event_type: str) -> None:
    sound = full(event_type)
    found = cases(event_type)
    assert len(found) > 2 * len(ENVELOPE)
    wrong = []
    for part in chunks(found):
        text = written([case.event(sound) for case in part])
        answer = await door.post(text, BATCH)
        assert answer.status_code == 202, answer.text
        for case, result in zip(part, answer.json()["results"], strict=True):
            faults = {(fault["pointer"], fault["code"]) for fault in result.get("faults", ())}
            if (result["outcome"], faults) != ("quarantined", {shown(case)}):
                wrong.append((case, result["outcome"], faults))
    assert wrong == []
    assert door.bus.appended == []


@every_type
async def test_strictly_sent_the_same_faults_refuse_everything(door: Any, event_type: str) -> None:
    sound = full(event_type)
    for part in chunks(cases(event_type)):
        text = written([golden(event_type), *(case.event(sound) for case in part)])
        answer = await door.post(text, BATCH, prefer="handling=strict")
        assert answer.status_code == 422
        listed = {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}
        wanted = {(f"/{n}{pointer}", code) for n, (pointer, code) in enumerate(map(shown, part), 1)}
        assert listed == wanted
    assert door.bus.appended == []
    assert (await door.get("/v1/quarantine")).json()["items"] == []


def shown(case: Case) -> tuple[str, str]:
    """The fault as an answer shows it: half of a surrogate pair cannot be written in a pointer."""
    pointer, code = case.fault
    return pointer.replace("\ud800", "\ufffd"), code


@every_type
@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x1", "'1'", "undefined"])
async def test_what_is_no_json_is_a_400(door: Any, event_type: str, literal: str) -> None:
    event = golden(event_type)
    event["data"][object_key(event_type)] = "HERE"
    text = json.dumps(event).replace('"HERE"', literal).encode()
    for body, kind in ((text, "application/cloudevents+json"), (b"[" + text + b"]", BATCH)):
        answer = await door.post(body, kind)
        assert answer.status_code == 400
        assert answer.json()["type"].endswith("/not-an-event")
    assert door.bus.appended == []


@every_type
async def test_the_same_again_is_a_duplicate_another_body_a_conflict(door: Any, event_type: str) -> None:
    """F3: the first stands, whatever comes later; on another object the pair is another event."""
    event = golden(event_type)
    other = event | {"data": event["data"] | {"territory": "elsewhere"}}
    elsewhere = event | {"data": event["data"] | {object_key(event_type): f"{event['id']}-other"}}
    traced = event | {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "importid": "i"}
    assert await door.outcomes(event, other, traced, elsewhere) == ["accepted", "conflict", "duplicate", "accepted"]
    assert await door.outcomes(other, event, elsewhere) == ["conflict", "duplicate", "duplicate"]
    assert [json.loads(record.value) for record in door.bus.appended] == [event, elsewhere]
    assert {record.key.decode() for record in door.bus.appended} == {
        event["data"][object_key(event_type)],
        elsewhere["data"][object_key(event_type)],
    }
    kept = (await door.get("/v1/quarantine?outcome=conflict")).json()["items"]
    (entry,) = [(await door.get(f"/v1/quarantine/{entry['quarantine_id']}")).json() for entry in kept]
    assert (entry["event"], entry["faults"]) == (other, [])


@pytest.mark.parametrize(
    ("one", "two"),
    [pair for pair in itertools.combinations(ACCEPTED_FROM_CRM, 2) if len(set(map(object_key, pair))) == 1],
)
async def test_two_types_of_one_object_share_its_identities(door: Any, one: str, two: str) -> None:
    first = golden(one)
    second = golden(two, id=first["id"], source=first["source"])
    second["data"][object_key(two)] = first["data"][object_key(one)]
    assert await door.outcomes(first, second) == ["accepted", "conflict"]


@every_type
@pytest.mark.parametrize("levels", [NESTING_MAX - 2, 1_000, 100_000])
async def test_what_is_nested_too_deep_is_refused(door: Any, event_type: str, levels: int) -> None:
    event = golden(event_type)
    event["data"]["attributes"] = {"deep": "HERE"}
    text = json.dumps(event).replace('"HERE"', "[" * levels + "]" * levels).encode()
    for body, kind in ((text, "application/cloudevents+json"), (b"[" + text + b"]", BATCH)):
        answer = await door.post(body, kind)
        assert answer.status_code == 413
        assert answer.json()["type"].endswith("/too-deep")


@every_type
async def test_what_the_log_cannot_take_is_refused(door: Any, event_type: str) -> None:
    answer = await door.send(golden(event_type), golden(event_type, note="x" * EVENT_BYTES_MAX))
    assert (answer.status_code, answer.json()["type"].rsplit("/")[-1]) == (413, "event-too-large")
    assert door.bus.appended == []
