"""Many entries of the quarantine at once: named or found by a filter, tried first, each with its own outcome."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chassis.bus import parse_positions
from services.ingest.handlers import edit
from tests.ingest.desk import Desk

USD = {"data": {"currency": "USD"}}


async def bulk(desk: Desk, **body: Any) -> Any:
    async with desk.door.client(**desk.who) as client:
        return await client.post("/v1/quarantine/bulk", json={"dry_run": False} | body)


async def done(desk: Desk, **body: Any) -> Any:
    answer = await bulk(desk, **body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def named(*ids: str) -> list[dict[str, Any]]:
    return [{"quarantine_id": entry} for entry in ids]


async def test_a_filter_corrects_what_has_the_same_fault(desk: Desk, placed: Any) -> None:
    events = [placed(currency="ZZZ") for _ in range(120)]
    ids = await desk.kept(*events)
    await desk.kept(placed(amount="x"))
    found = {"code": "unknown-currency", "pointer": "/data/currency"}
    answer = await done(desk, action="correct", filter=found, patch=USD)
    assert [item["quarantine_id"] for item in answer["items"]] == ids
    assert {(i["result"], i["state"], i["problem"]) for i in answer["items"]} == {("accepted", "resolved", None)}
    assert answer["next_cursor"] is None
    assert len(desk.door.bus.appended) == 120
    assert {json.loads(r.value)["id"] for r in desk.door.bus.appended} == {e["id"] for e in events}
    assert len((await desk.door.get("/v1/quarantine?state=open")).json()["items"]) == 1
    latest = (await desk.door.send(*(e | {"data": e["data"] | {"currency": "USD"}} for e in events))).json()
    assert latest["duplicate"] == 120
    assert parse_positions(latest["position"]) == parse_positions(answer["position"])


async def test_a_dry_run_says_what_would_be_and_changes_nothing(desk: Desk, placed: Any) -> None:
    easy, hard = await desk.kept(placed(currency="ZZZ"), placed(currency="ZZZ", amount="x"))
    body = {"action": "correct", "entries": named(easy, hard, "nothing"), "patch": USD | {"id": None}}
    wrong = await done(desk, dry_run=True, **body)
    assert [i["problem"]["code"] for i in wrong["items"]] == ["correction-not-valid"] * 2 + ["unknown-entry"]
    assert {f["pointer"] for i in wrong["items"] for f in i["problem"]["faults"]} == {"/id"}
    tried = await done(desk, dry_run=True, **body | {"patch": USD})
    assert [(i["result"], i["state"], len(i["faults"])) for i in tried["items"]] == [
        ("accepted", "open", 0),
        ("quarantined", "open", 1),
        (None, None, 0),
    ]
    assert (tried["dry_run"], tried["position"], desk.door.bus.appended) == (True, "", [])
    assert [(await desk.see(entry))["revision"] for entry in (easy, hard)] == [1, 1]
    assert (await desk.door.get("/v1/audit/quarantine")).json()["items"] == []
    real = await done(desk, **body | {"patch": USD})
    assert [i["result"] for i in real["items"]] == [i["result"] for i in tried["items"]]


async def test_each_entry_has_its_own_outcome(desk: Desk, placed: Any) -> None:
    ids = await desk.kept(*(placed(currency="ZZZ") for _ in range(3)))
    await desk.act("discard", ids[0])
    entries = [{"quarantine_id": ids[0]}, {"quarantine_id": ids[1], "revision": 5}, {"quarantine_id": ids[2]}]
    answer = await done(desk, action="discard", entries=entries, reason="old")
    told = [(i["result"], i["problem"] and i["problem"]["code"], i["state"]) for i in answer["items"]]
    assert told == [
        (None, "entry-closed", "discarded"),
        (None, "entry-changed", "open"),
        ("discarded", None, "discarded"),
    ]


async def test_two_entries_of_one_identity_are_told_apart(desk: Desk, placed: Any) -> None:
    first = placed(currency="ZZZ")
    second = first | {"data": first["data"] | {"amount": "7"}}
    ids = await desk.kept(first, second)
    tried = await done(desk, dry_run=True, action="correct", entries=named(*ids), patch=USD)
    assert [item["result"] for item in tried["items"]] == ["accepted", "conflict"]
    answer = await done(desk, action="correct", entries=named(*ids), patch=USD)
    told = [(i["result"], i["problem"] and i["problem"]["code"], i["state"]) for i in answer["items"]]
    assert told == [("accepted", None, "resolved"), (None, "entry-changed", "resolved")]
    assert len(desk.door.bus.appended) == 1


async def test_resubmitting_all_after_a_policy_was_lifted(desk: Desk, placed: Any) -> None:
    await desk.require("/data/territory")
    await desk.kept(*(placed() for _ in range(5)), placed(currency="ZZZ"))
    await desk.require()
    answer = await done(desk, action="resubmit", filter={"code": "required-by-policy"})
    assert [item["result"] for item in answer["items"]] == ["accepted"] * 5 + ["quarantined"]


async def test_a_filter_goes_on_where_it_stopped(desk: Desk, placed: Any) -> None:
    for _ in range(2):
        await desk.kept(*(placed(currency="ZZZ") for _ in range(edit.ENTRIES_MAX)))
    body = {"action": "discard", "filter": {"source": "crm"}, "reason": "all of it", "dry_run": True}
    first = await done(desk, **body)
    second = await done(desk, cursor=first["next_cursor"], **body)
    assert (len(first["items"]), len(second["items"]), second["next_cursor"]) == (edit.ENTRIES_MAX,) * 2 + (None,)
    ids = [item["quarantine_id"] for answer in (first, second) for item in answer["items"]]
    assert ids == sorted(set(ids))


async def test_a_machine_reaches_its_own_entries_only(desk: Desk, placed: Any) -> None:
    mine, foreign = await desk.kept(placed(currency="ZZZ", event={"source": "mine"}), placed(currency="ZZZ"))
    machine = Desk(desk.door, scope="quarantine.write:source", source="mine")
    for entries in ({"filter": {}}, {"filter": {"source": "crm"}}, {"entries": named(mine, foreign)}):
        answer = await done(machine, action="discard", reason="x", dry_run=True, **entries)
        touched = [item["quarantine_id"] for item in answer["items"] if item["problem"] is None]
        assert touched == ([] if entries == {"filter": {"source": "crm"}} else [mine])
    problem = answer["items"][1]
    assert (problem["problem"]["code"], problem["state"], problem["revision"]) == ("unknown-entry", None, None)


async def test_what_is_interrupted_goes_on_by_resubmitting(desk: Desk, placed: Any) -> None:
    """The log breaks off after the first chunk of entries: none is lost, none is counted twice."""
    ids = await desk.kept(*(placed(currency="ZZZ") for _ in range(edit.CHUNK_ENTRIES + 10)))

    async def down() -> None:
        desk.door.bus.fails_after = True

    async def later() -> None:
        desk.door.bus.meanwhile_after = down

    desk.door.bus.meanwhile_after = later
    assert (await bulk(desk, action="correct", entries=named(*ids), patch=USD)).status_code == 503
    desk.door.bus.fails_after = False
    again = await done(desk, action="correct", entries=named(*ids), patch=USD)
    codes = [item["problem"]["code"] for item in again["items"]]
    assert codes == ["entry-closed"] * edit.CHUNK_ENTRIES + ["entry-submitted"] * 10
    last = await done(desk, action="resubmit", filter={})
    assert [item["result"] for item in last["items"]] == ["accepted"] * 10
    verified = (await desk.door.get("/v1/verification/events")).json()
    assert [check["ok"] for check in verified] == [True, True]
    assert verified[1]["detail"].startswith(f"0 quarantined, 0 conflict, {len(ids)} resolved")


ENTRY = {"quarantine_id": "x"}
NONSENSE = [
    {"action": "resubmit"},
    {"action": "resubmit", "entries": []},
    {"action": "resubmit", "entries": [ENTRY], "filter": {}},
    {"action": "resubmit", "entries": [ENTRY, ENTRY]},
    {"action": "resubmit", "entries": [{"quarantine_id": str(n)} for n in range(501)]},
    {"action": "resubmit", "entries": [ENTRY], "cursor": "x"},
    {"action": "resubmit", "entries": [ENTRY | {"revision": 0}]},
    {"action": "resubmit", "entries": [ENTRY], "patch": {}},
    {"action": "resubmit", "filter": {"colour": "red"}},
    {"action": "resubmit", "filter": {"pointer": "data"}},
    {"action": "resubmit", "filter": {"received_from": "2026-03-01T00:00:00"}},
    {"action": "correct", "filter": {}},
    {"action": "discard", "filter": {}},
    {"action": "delete", "filter": {}},
    {"action": "resubmit", "filter": {}, "dry_run": None},
]


@pytest.mark.parametrize("body", NONSENSE, ids=lambda body: json.dumps(body)[:60])
async def test_what_makes_no_sense_is_a_422(desk: Desk, body: Any) -> None:
    answer = await bulk(desk, **body)
    assert answer.status_code == 422
    assert answer.json()["errors"]
