"""Accepted, duplicate, quarantined, conflict: what becomes of events that are sent through the door."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from chassis.bus import parse_positions


async def test_a_sound_event_is_accepted_and_its_own_bytes_lie_on_the_log(door: Any, placed: Any) -> None:
    event = placed()
    text = json.dumps(event, indent=3).encode()
    answer = await door.post(text)
    assert answer.status_code == 202
    body = answer.json()
    assert (body["accepted"], body["duplicate"], body["quarantined"], body["conflict"]) == (1, 0, 0, 0)
    assert body["results"] == [{"index": 0, "source": "crm", "id": event["id"], "outcome": "accepted"}]
    (record,) = door.bus.appended
    assert record.value == text
    assert record.key == event["data"]["order_id"].encode()
    headers = dict(record.headers)
    assert headers["content-type"] == b"application/cloudevents+json"
    assert headers["traceparent"].decode() == answer.headers["traceparent"]
    assert len(parse_positions(body["position"])) == 1


async def test_sending_again_changes_nothing_and_gives_the_same_position(door: Any, placed: Any) -> None:
    event = placed()
    first, second = await door.send(event), await door.send(event | {"traceparent": "another", "importid": "x"})
    assert second.json()["results"][0]["outcome"] == "duplicate"
    assert first.json()["position"] == second.json()["position"]
    assert len(door.bus.appended) == 1


async def test_other_keys_order_and_offset_of_the_same_instant_are_the_same_content(door: Any, placed: Any) -> None:
    event = placed()
    turned = dict(reversed(event.items())) | {"data": dict(reversed(event["data"].items()))}
    turned["time"] = "2026-03-01T08:00:00Z"
    assert await door.outcomes(event) == ["accepted"]
    assert await door.outcomes(turned) == ["duplicate"]


async def test_another_body_under_the_same_identity_is_kept_as_a_conflict_and_never_applied(
    door: Any, placed: Any
) -> None:
    event = placed()
    other = event | {"data": event["data"] | {"amount": "1.00"}}
    assert await door.outcomes(event) == ["accepted"]
    answer = (await door.send(other)).json()
    assert answer["conflict"] == 1
    again = (await door.send(other)).json()
    assert again["results"] == answer["results"]
    assert len(door.bus.appended) == 1
    listed = await door.entries("outcome=conflict")
    assert [entry["event"] for entry in listed] == [other]
    assert listed[0]["quarantine_id"] == answer["results"][0]["quarantine_id"]


async def test_within_one_request_too(door: Any, placed: Any) -> None:
    event = placed()
    other = event | {"time": "2026-03-02T09:00:00Z"}
    assert await door.outcomes(event, event, other) == ["accepted", "duplicate", "conflict"]
    assert len(door.bus.appended) == 1


async def test_the_same_pair_on_two_objects_counts_for_both(door: Any, placed: Any) -> None:
    event = placed()
    assert await door.outcomes(event, event | {"data": event["data"] | {"order_id": "another"}}) == ["accepted"] * 2


async def test_the_same_event_fifty_times_at_once_is_one_first(door: Any, placed: Any) -> None:
    """F2: what the door lets through twice is the same event twice, and every answer has its position."""
    event = placed()
    answers = [answer.json() for answer in await asyncio.gather(*(door.send(event) for _ in range(50)))]
    assert {answer["results"][0]["outcome"] for answer in answers} <= {"accepted", "duplicate"}
    assert all(answer["position"] for answer in answers)
    assert {record.value for record in door.bus.appended} == {json.dumps(event).encode()}
    async with door.database.transaction() as conn:
        assert await conn.fetchval("select count(*) from seen") == 1
    assert await door.outcomes(event) == ["duplicate"]


async def test_requests_that_come_at_once_share_what_they_write_down(door: Any, placed: Any) -> None:
    requests = 40
    answers = await asyncio.gather(*(door.send(placed(), placed(currency="ZZZ")) for _ in range(requests)))
    assert [(a.json()["accepted"], a.json()["quarantined"]) for a in answers] == [(1, 1)] * requests
    async with door.database.transaction() as conn:
        assert await conn.fetchval("select count(*) from seen") == requests
        assert await conn.fetchval("select count(distinct xmin::text) from seen") < requests / 2


async def test_two_bodies_of_one_identity_at_once_leave_the_lower_offset_as_the_first(door: Any, placed: Any) -> None:
    event = placed()
    other = event | {"data": event["data"] | {"amount": "2"}}
    await asyncio.gather(*(door.send(e) for e in (event, other, event, other)))
    first = json.loads(next(v for v in await door.on_the_log() if json.loads(v)["id"] == event["id"]))
    second = other if first == event else event
    assert await door.outcomes(first, second) == ["duplicate", "conflict"]


@pytest.mark.parametrize(("amount", "outcome"), [("100.50", "duplicate"), ("2", "conflict")])
async def test_who_loses_the_race_to_the_log_is_told_so(door: Any, placed: Any, amount: str, outcome: str) -> None:
    """Another request has appended, and answered, between our look at what is known and our append."""
    event, answered = placed(), []

    async def other() -> None:
        answered.extend(await door.outcomes(event))

    door.bus.meanwhile_before = other
    ours = event | {"data": event["data"] | {"amount": amount}}
    assert await door.outcomes(ours) == [outcome]
    assert answered == ["accepted"]
    assert await door.outcomes(event) == ["duplicate"]
    assert len((await door.get("/v1/quarantine?outcome=conflict")).json()["items"]) == (outcome == "conflict")


async def test_who_is_first_on_the_log_is_the_first_even_if_it_is_remembered_last(door: Any, placed: Any) -> None:
    event = placed()
    other = event | {"data": event["data"] | {"amount": "2"}}
    door.bus.meanwhile_after = lambda: door.send(other)
    answer = (await door.send(event)).json()
    assert answer["accepted"] == 1
    assert await door.outcomes(event, other) == ["duplicate", "conflict"]
    assert (await door.send(event)).json()["position"] == answer["position"]
    assert (await door.get("/v1/verification/events")).json()[0]["ok"] is True


async def test_a_quarantined_event_is_kept_once_and_takes_no_identity(door: Any, placed: Any) -> None:
    wrong = placed(currency="ZZZ")
    answer = (await door.send(wrong)).json()
    (result,) = answer["results"]
    assert result["outcome"] == "quarantined"
    assert [(f["pointer"], f["code"]) for f in result["faults"]] == [("/data/currency", "unknown-currency")]
    assert (await door.send(wrong | {"traceparent": "x"})).json()["results"][0]["quarantine_id"] == result[
        "quarantine_id"
    ]
    right = wrong | {"data": wrong["data"] | {"currency": "USD"}}
    assert await door.outcomes(right) == ["accepted"]
    (entry,) = await door.entries()
    assert (entry["state"], entry["event"], entry["correction"]) == ("resolved", wrong, None)
    assert entry["closed_at"] is not None
    assert [(e["action"], e["actor"]) for e in entry["history"]] == [("superseded", "tester")]


async def test_a_correction_resolves_the_entry_of_its_object_only(door: Any, placed: Any) -> None:
    wrong, without_object = placed("A", amount="-1"), placed()
    del without_object["data"]["order_id"]
    without_object |= {"id": wrong["id"]}
    await door.send(wrong, without_object)
    fixed_elsewhere = placed("B", event={"id": wrong["id"]})
    assert await door.outcomes(fixed_elsewhere) == ["accepted"]
    items = (await door.get("/v1/quarantine")).json()["items"]
    assert {(i["object_id"], i["state"]) for i in items} == {("A", "open"), (None, "resolved")}


async def test_a_resend_stays_a_duplicate_when_a_later_policy_would_refuse_it(door: Any, placed: Any) -> None:
    event = placed()
    assert await door.outcomes(event) == ["accepted"]
    async with door.client() as client:
        answer = await client.put("/v1/event-types/crm.order.placed.v1", json={"required": ["/data/territory"]})
        assert answer.status_code == 200, answer.text
    assert await door.outcomes(event, placed()) == ["duplicate", "quarantined"]


async def test_the_log_down_is_a_503_with_retry_after_and_nothing_is_remembered(door: Any, placed: Any) -> None:
    event = placed()
    door.bus.down = True
    answer = await door.send(event)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.headers["content-type"] == "application/problem+json"
    door.bus.down = False
    assert await door.outcomes(event) == ["accepted"]


async def test_after_a_failure_in_mid_batch_sending_all_of_it_again_is_safe(door: Any, placed: Any) -> None:
    events = [placed(), placed(amount="x"), placed()]
    door.bus.fails_after = True
    assert (await door.send(*events)).status_code == 503
    door.bus.fails_after = False
    assert await door.outcomes(*events) == ["accepted", "quarantined", "accepted"]
    assert await door.outcomes(*events) == ["duplicate", "quarantined", "duplicate"]
    assert len((await door.get("/v1/quarantine")).json()["items"]) == 1


async def test_strict_stores_nothing_when_an_event_has_a_fault(door: Any, placed: Any) -> None:
    good, bad = placed(), placed(amount=12.5)
    answer = await door.send(good, bad, prefer="respond-async, handling=strict")
    assert answer.status_code == 422
    assert answer.headers["preference-applied"] == "handling=strict"
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/1/data/amount", "number-for-decimal")]
    assert door.bus.appended == []
    assert (await door.get("/v1/quarantine")).json()["items"] == []
    accepted = await door.send(good, prefer="handling=strict")
    assert (accepted.status_code, accepted.headers["preference-applied"]) == (202, "handling=strict")


async def test_an_empty_batch_is_nothing(door: Any) -> None:
    answer = (await door.send()).json()
    assert (answer["position"], answer["results"]) == ("", [])
