"""An entry of the quarantine is corrected, resubmitted or discarded: what is kept, what is refused, what is told."""

from __future__ import annotations

import asyncio
import copy
import json
from typing import Any

import asyncpg
import pytest

from chassis.bus import parse_positions
from chassis.db import single
from tests.ingest.desk import ACTIONS, TYPE, Desk


async def test_a_correction_is_put_on_the_log_with_its_identity_and_resolves_the_entry(desk: Desk, placed: Any) -> None:
    wrong = placed(currency="ZZZ")
    (entry,) = await desk.kept(wrong)
    answer = await desk.correct(entry, {"data": {"currency": "USD"}})
    assert (answer["result"], answer["state"], answer["faults"], answer["submitted"]) == ("accepted", "resolved", [], 0)
    (record,) = desk.door.bus.appended
    right = wrong | {"data": wrong["data"] | {"currency": "USD"}}
    assert json.loads(record.value) == right
    assert record.key == wrong["data"]["order_id"].encode()
    assert len(parse_positions(answer["position"])) == 1
    seen = await desk.see(entry)
    assert (seen["event"], seen["correction"]) == (wrong, right)
    assert [f["code"] for f in seen["faults_as_sent"]] == ["unknown-currency"]
    assert await desk.door.outcomes(right, wrong) == ["duplicate", "quarantined"]
    assert (await desk.door.send(right)).json()["position"] == answer["position"]
    assert (await desk.door.get("/v1/verification/events")).json()[0]["detail"].startswith("1 accepted, 0 missing")


async def test_the_history_says_who_did_what_and_how_it_was_before(desk: Desk, placed: Any) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ", amount="x"))
    first = await desk.correct(entry, {"data": {"amount": "5", "credits": []}})
    assert (first["result"], first["state"], [f["code"] for f in first["faults"]]) == (
        "quarantined",
        "open",
        ["unknown-currency"],
    )
    await desk.correct(entry, {"data": {"currency": "USD"}})
    history = (await desk.see(entry))["history"]
    assert [(e["revision"], e["action"], e["outcome"], e["state"], e["actor"]) for e in history] == [
        (2, "corrected", "quarantined", "open", "tester"),
        (3, "corrected", None, "open", "tester"),
        (4, "appended", "accepted", "resolved", "tester"),
    ]
    assert history[0]["change"] == {"data": {"amount": "5", "credits": []}}
    assert history[0]["undo"]["data"]["amount"] == "x"
    assert len(history[0]["undo"]["data"]["credits"]) == 2
    assert [len(e["faults_before"]) for e in history] == [2, 1, 0]
    assert [len(e["faults_after"]) for e in history] == [1, 0, 0]
    assert history[2]["place"].startswith("crm-sales.")
    audited = (await desk.door.get("/v1/audit/quarantine")).json()["items"]
    assert audited == list(reversed(history))


KEPT = [
    ({"source": "other"}, "/source"),
    ({"id": "other"}, "/id"),
    ({"time": "2026-03-02T09:00:00+01:00"}, "/time"),
    ({"type": "crm.order.amended.v1"}, "/type"),
    ({"data": {"order_id": "other"}}, "/data/order_id"),
    ({"data": {"order_id": None}}, "/data/order_id"),
    ({"data": None}, "/data/order_id"),
]


@pytest.mark.parametrize(("patch", "where"), KEPT, ids=[where for _, where in KEPT])
async def test_a_correction_keeps_who_the_event_is(desk: Desk, placed: Any, patch: Any, where: str) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    answer = await desk.act("correct", entry, patch)
    assert answer.status_code == 422
    assert answer.json()["type"].endswith("/correction-not-valid")
    assert (where, "kept-as-sent") in {(e["pointer"], e["code"]) for e in answer.json()["errors"]}
    assert (await desk.see(entry))["revision"] == 1


FAULTY = [
    ({"event": {"time": "2036-03-01T09:00:00Z"}}, {"time": "2026-03-01T09:00:00Z"}),
    ({"event": {"id": "i" * 300}}, {"id": "i"}),
    ({"event": {"type": "crm.order.plaecd.v1"}}, {"type": TYPE}),
    ({"order_id": ["x"]}, {"data": {"order_id": "found"}}),
    ({"order_id": 5}, {"data": {"order_id": "5"}}),
    ({"order_id": "o" * 300}, {"data": {"order_id": "o"}}),
]


@pytest.mark.parametrize(("changed", "patch"), FAULTY, ids=[str(patch)[:40] for _, patch in FAULTY])
async def test_unless_that_was_the_fault(desk: Desk, placed: Any, changed: Any, patch: Any) -> None:
    (entry,) = await desk.kept(placed(**changed))
    await desk.correct(entry, {"subject": "first something else"})
    answer = await desk.correct(entry, patch)
    assert (answer["result"], answer["state"]) == ("accepted", "resolved")
    (record,) = desk.door.bus.appended
    assert answer["object_id"] == record.key.decode()


async def test_data_that_could_not_be_read_is_said_anew(desk: Desk, placed: Any) -> None:
    event = placed()
    data = event.pop("data")
    (entry,) = await desk.kept(event | {"data_base64": "%%%"})
    assert (await desk.correct(entry, {"data": data}))["result"] == "accepted"
    assert json.loads(desk.door.bus.appended[0].value)["data"] == data


async def test_a_key_that_stands_twice_has_to_be_settled(desk: Desk, placed: Any) -> None:
    event = placed()
    text = json.dumps(event).replace('"amount": "100.50"', '"amount": "100.50", "amount": "7"')
    (result,) = (await desk.door.post(text.encode())).json()["results"]
    entry = result["quarantine_id"]
    refused = await desk.act("correct", entry, {"data": {"customer_id": "C2"}})
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/data/amount", "duplicate-key")]
    answer = await desk.correct(entry, {"data": {"amount": "7"}})
    assert answer["result"] == "accepted"
    assert json.loads(desk.door.bus.appended[0].value)["data"]["amount"] == "7"


async def test_a_number_that_nothing_can_write_has_to_be_settled(desk: Desk, placed: Any) -> None:
    text = json.dumps(placed()).replace('"100.50"', "1e400")
    (result,) = (await desk.door.post(text.encode())).json()["results"]
    refused = await desk.act("correct", result["quarantine_id"], {"data": {"customer_id": "C2"}})
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/data/amount", "out-of-bounds")]
    await desk.correct(result["quarantine_id"], {"data": {"amount": "8"}})
    assert (await desk.see(result["quarantine_id"]))["history"][0]["undo"] == {"data": {"amount": "inf"}}


@pytest.mark.parametrize(
    "patch", [{"data": {"note": "\ud800"}}, {"data": {"territory": "a\0b"}}, {"data": {"no": {"such": "field"}}}]
)
async def test_a_correction_can_be_wrong_too_and_is_kept_with_its_faults(desk: Desk, placed: Any, patch: Any) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    answer = await desk.act("correct", entry, patch)
    assert (answer.status_code, answer.json()["result"]) == (200, "quarantined")
    seen = await desk.see(entry)
    assert seen["history"][0]["change"] == patch
    place = "/data/" + next(iter(patch["data"]))
    assert place in {f["pointer"] for f in seen["faults"]}
    await desk.correct(entry, {"data": dict.fromkeys(patch["data"])})
    assert (await desk.correct(entry, {"data": {"currency": "USD"}}))["result"] == "accepted"


@pytest.mark.parametrize("body", [b"[]", b"5", b"", b"{", b'{"a":' * 500 + b"1" + b"}" * 500])
async def test_what_is_no_patch_is_refused(desk: Desk, placed: Any, body: bytes) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    async with desk.door.client() as client:
        headers = {"content-type": "application/merge-patch+json"}
        answer = await client.patch(f"/v1/quarantine/{entry}", content=body, headers=headers)
    assert answer.status_code in (400, 422)
    assert (await desk.see(entry))["revision"] == 1


async def test_resubmitting_judges_by_the_rules_of_today(desk: Desk, placed: Any) -> None:
    await desk.require("/data/territory")
    event = placed()
    (entry,) = await desk.kept(event)
    again = await desk.act("resubmit", entry)
    assert (again.status_code, again.json()["result"]) == (200, "quarantined")
    await desk.require()
    assert (await desk.act("resubmit", entry)).json()["result"] == "accepted"
    assert json.loads(desk.door.bus.appended[0].value) == event
    assert [e["action"] for e in (await desk.see(entry))["history"]] == ["resubmitted"] * 2 + ["appended"]


async def test_discarding_takes_a_reason_and_is_the_end(desk: Desk, placed: Any) -> None:
    event = placed(currency="ZZZ")
    (entry,) = await desk.kept(event)
    for body in ({}, {"reason": ""}, {"reason": "x", "colour": "red"}, {"reason": "a\0"}):
        assert (await desk.act("discard", entry, body)).status_code == 422
    answer = await desk.act("discard", entry)
    assert (answer.json()["result"], answer.json()["state"]) == ("discarded", "discarded")
    seen = await desk.see(entry)
    assert (seen["history"][0]["reason"], seen["faults"][0]["code"]) == ("a test of the CRM", "unknown-currency")
    for action in ACTIONS:
        refused = await desk.act(action, entry)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "entry-closed")
    assert (await desk.kept(event)) == [entry]
    assert (await desk.see(entry))["state"] == "discarded"


async def test_a_conflict_stays_one_until_it_says_the_same_or_is_discarded(desk: Desk, placed: Any) -> None:
    event = placed()
    await desk.door.send(event)
    same, other = ({**event, "data": event["data"] | {"amount": amount}} for amount in ("1", "2"))
    first, second = await desk.kept(same, other)
    assert (await desk.act("resubmit", first)).json()["result"] == "conflict"
    answer = await desk.correct(first, {"data": {"amount": "100.50"}})
    assert (answer["result"], answer["state"]) == ("duplicate", "resolved")
    assert (await desk.act("discard", second)).json()["state"] == "discarded"
    assert len(desk.door.bus.appended) == 1


async def test_what_else_waits_under_the_identity_is_resolved_too(desk: Desk, placed: Any) -> None:
    wrong = placed(currency="ZZZ")
    worse = wrong | {"data": wrong["data"] | {"amount": "-1"}}
    first, second = await desk.kept(wrong, worse)
    await desk.correct(first, {"data": {"currency": "USD"}})
    seen = await desk.see(second)
    assert (seen["state"], [e["action"] for e in seen["history"]]) == ("resolved", ["superseded"])


async def test_an_edit_is_made_to_what_was_read(desk: Desk, placed: Any) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    read = await desk.door.get(f"/v1/quarantine/{entry}")
    assert read.headers["etag"] == '"1"'
    first = await desk.act("correct", entry, {"subject": "x"}, **{"if-match": '"1"'})
    assert (first.status_code, first.headers["etag"]) == (200, '"2"')
    for action in ACTIONS:
        for stale in ('"1"', "1", 'W/"2"', '"x"'):
            late = await desk.act(action, entry, **{"if-match": stale})
            assert (late.status_code, late.json()["type"].rpartition("/")[2]) == (412, "entry-changed")
    last = await desk.act("discard", entry, **{"if-match": first.headers["etag"]})
    assert last.status_code == 200


async def test_of_two_operators_at_once_one_wins_and_one_event_is_appended(desk: Desk, placed: Any) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    patches = [{"subject": f"operator {n}", "data": {"currency": "USD"}} for n in range(8)]
    answers = await asyncio.gather(*(desk.act("correct", entry, patch) for patch in patches))
    won = [a.json() for a in answers if a.status_code == 200]
    assert [w["result"] for w in won] == ["accepted"]
    assert {a.status_code for a in answers} <= {200, 409, 412}
    assert len(desk.door.bus.appended) == 1
    assert [e["revision"] for e in (await desk.see(entry))["history"]] == [2, 3]


async def test_a_machine_edits_what_its_own_source_sent(desk: Desk, placed: Any) -> None:
    mine, foreign = await desk.kept(placed(currency="ZZZ", event={"source": "mine"}), placed(currency="ZZZ"))
    machine = Desk(desk.door, scope="quarantine.write:source quarantine.read:source", source="mine")
    for action in ACTIONS:
        unknown, theirs = await machine.act(action, "nothing"), await machine.act(action, foreign)
        assert (unknown.status_code, theirs.status_code) == (404, 404)
        assert unknown.json()["detail"] == theirs.json()["detail"]
    assert (await desk.see(foreign))["revision"] == 1
    assert (await machine.correct(mine, {"data": {"currency": "USD"}}))["result"] == "accepted"
    for useless in (
        {"scope": "quarantine.write:source"},
        {"scope": "quarantine.write:own"},
        {"scope": "kpis.read:all"},
    ):
        assert (await Desk(desk.door, **useless).act("resubmit", mine)).status_code == 403


async def test_the_log_down_leaves_an_entry_that_only_resubmitting_moves_on(desk: Desk, placed: Any) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    desk.door.bus.fails_after = True  # it was appended, and nobody knows
    assert (await desk.act("correct", entry)).status_code == 503
    desk.door.bus.fails_after = False
    left = await desk.see(entry)
    assert (left["state"], left["submitted"], left["correction"]["data"]["currency"]) == ("open", True, "USD")
    await desk.require("/data/territory")  # what came since cannot take it back
    for action in ("correct", "discard"):
        refused = await desk.act(action, entry)
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (409, "entry-submitted")
    again = (await desk.act("resubmit", entry)).json()
    assert (again["result"], again["state"], again["submitted"]) == ("accepted", "resolved", False)
    first, second = (json.loads(record.value) for record in desk.door.bus.appended)
    assert first == second
    ((number, offset),) = ((p.number, o) for p, o in parse_positions(again["position"]).items())
    assert (await desk.see(entry))["history"][-1]["place"] == f"crm-sales.{number}.{offset - 1}"


@pytest.mark.parametrize(("amount", "left"), [("100.50", "duplicate"), ("2", "conflict")])
async def test_the_source_may_send_it_right_in_the_same_moment(desk: Desk, placed: Any, amount: str, left: str) -> None:
    """The sound event lies on the log first: the entry is resolved by it, and the correction is what came second."""
    wrong = placed(currency="ZZZ")
    (entry,) = await desk.kept(wrong)
    right = copy.deepcopy(wrong)
    right["data"] |= {"currency": "USD", "amount": amount}
    desk.door.bus.meanwhile_before = lambda: desk.door.send(right)
    answer = await desk.correct(entry, {"data": {"currency": "USD"}})
    assert (answer["result"], answer["state"]) == (left, "resolved")
    assert [e["action"] for e in (await desk.see(entry))["history"]] == ["corrected", "superseded"]
    assert await desk.door.outcomes(right) == ["duplicate"]


async def test_two_who_resubmit_at_once_resolve_it_once(desk: Desk, placed: Any) -> None:
    await desk.require("/data/territory")
    (entry,) = await desk.kept(placed())
    await desk.require()
    desk.door.bus.meanwhile_before = lambda: desk.act("resubmit", entry)
    answer = (await desk.act("resubmit", entry)).json()
    assert (answer["result"], answer["state"]) == ("duplicate", "resolved")
    assert [e["action"] for e in (await desk.see(entry))["history"]] == ["resubmitted"] * 2 + ["appended"]


async def test_an_entry_can_be_edited_only_so_often(desk: Desk, placed: Any) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    async with desk.door.database.transaction() as conn:
        await conn.execute("update quarantine set revision = 200")
    for action, status in (("correct", 409), ("resubmit", 409), ("discard", 200)):
        assert (await desk.act(action, entry)).status_code == status


CHANGES = ["update quarantine_edit set actor = 'nobody'", "delete from quarantine_edit", "truncate quarantine_edit"]


@pytest.mark.parametrize("change", CHANGES)
async def test_the_history_cannot_be_changed(desk: Desk, placed: Any, dsn: str, change: str) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ"))
    await desk.act("discard", entry)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with desk.door.database.transaction() as conn:
            await conn.execute(change)
    async with single(dsn, "ingest") as owner:
        with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
            await owner.execute(change)
    assert len((await desk.see(entry))["history"]) == 1
