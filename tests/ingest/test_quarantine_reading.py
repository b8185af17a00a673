"""The quarantine is listed and filtered, and the audit of what was done there is read by those who may."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest

from services.ingest.app import create_app
from services.ingest.domain.room import Load, Room
from tests.ingest.desk import TYPE, Desk

DAY = dt.timedelta(days=1)


async def count(desk: Desk, query: str) -> int:
    answer = await desk.door.get(f"/v1/quarantine?{query}")
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"])


async def test_entries_are_found_by_what_is_known_of_them(desk: Desk, placed: Any) -> None:
    bad_credit = placed("A", credits=[{"rep_id": "7", "share": "x"}, {"rep_id": "", "share": "1"}])
    await desk.kept(bad_credit, placed("B", currency="ZZZ", amount="-1"))
    desk.door.clock.at += DAY
    later = desk.door.clock.at.isoformat().replace("+", "%2B")
    (gone,) = await desk.kept(placed("B", event={"id": "odd id", "source": "other", "type": "no.such"}))
    await desk.act("discard", gone)
    sound = placed("C")
    await desk.door.send(sound)
    await desk.kept(sound | {"subject": "else"})
    for query, found in {
        "": 4,
        "state=open": 3,
        "state=discarded": 1,
        "state=resolved": 0,
        "outcome=conflict": 1,
        "source=other": 1,
        "id=odd%20id": 1,
        f"type={TYPE}": 3,
        "object_id=A": 1,
        "object_id=B": 1,  # of a type that is not known the object is not known either
        "code=unknown-currency": 1,
        "code=negative&pointer=/data/amount": 1,
        "code=unknown-currency&pointer=/data/amount": 0,
        "pointer=/data/credits": 1,
        "pointer=/data/credits/1": 1,
        "pointer=/data/credits/2": 0,
        "pointer=/data": 2,
        "pointer=/dat": 0,
        "pointer=/type": 1,
        f"received_from={later}": 2,
        f"received_to={later}": 2,
        f"received_from={later}&received_to={later}": 0,
    }.items():
        assert await count(desk, query) == found, query


async def test_a_corrected_fault_is_found_no_more(desk: Desk, placed: Any) -> None:
    (entry,) = await desk.kept(placed(currency="ZZZ", amount="x"))
    await desk.correct(entry, {"data": {"currency": "USD"}})
    assert await count(desk, "code=unknown-currency") == 0
    assert await count(desk, "code=not-a-decimal") == 1


async def test_a_list_shows_no_events_and_an_entry_its_own(desk: Desk, placed: Any) -> None:
    wrong = placed(currency="ZZZ")
    (entry,) = await desk.kept(wrong)
    (listed,) = (await desk.door.get("/v1/quarantine")).json()["items"]
    shown = await desk.see(entry)
    assert "event" not in listed
    assert shown["event"] == wrong
    assert {name: shown[name] for name in listed} == listed


async def test_each_sees_of_the_audit_what_they_may(desk: Desk, placed: Any) -> None:
    ids = await desk.kept(*(placed(currency="ZZZ") for _ in range(4)))
    other = Desk(desk.door, sub="other")
    for n, entry in enumerate(ids):
        desk.door.clock.at += dt.timedelta(seconds=1)
        await (desk if n % 2 else other).act("discard", entry)
    everything = (await desk.door.get("/v1/audit/quarantine")).json()["items"]
    assert [(e["quarantine_id"], e["actor"]) for e in everything] == [
        (entry, "tester" if n % 2 else "other") for n, entry in reversed(list(enumerate(ids)))
    ]
    paged, cursor = [], ""
    while cursor is not None:
        page = (await desk.door.get(f"/v1/audit/quarantine?limit=3{cursor and '&cursor=' + cursor}")).json()
        paged += page["items"]
        cursor = page["next_cursor"]
    assert paged == everything
    assert len((await desk.door.get("/v1/audit/quarantine?actor=other")).json()["items"]) == 2
    assert len((await desk.door.get(f"/v1/audit/quarantine?quarantine_id={ids[0]}")).json()["items"]) == 1
    own = {"scope": "audit.read:own", "sub": "other"}
    for query, found in {"": 2, "?actor=other": 2, "?actor=tester": 0, f"?quarantine_id={ids[1]}": 0}.items():
        assert len((await desk.door.get(f"/v1/audit/quarantine{query}", **own)).json()["items"]) == found


@pytest.mark.parametrize("query", ["cursor=x", "cursor=W10", "limit=0", "colour=red", "actor="])
async def test_an_audit_query_that_makes_no_sense_is_a_422(door: Any, query: str) -> None:
    assert (await door.get(f"/v1/audit/quarantine?{query}")).status_code == 422


SMALL = Room(per_source=Load(3, 10_000), together=Load(5, 10_000))


@pytest.fixture
def small(door: Any) -> Any:
    """A door whose quarantine has little room."""
    return replace(door, app=create_app(replace(door.deps, room=SMALL)))


async def test_a_full_quarantine_says_so_and_takes_nothing_of_the_request(small: Any, placed: Any) -> None:
    desk = Desk(small)
    wrong = [placed(currency="ZZZ") for _ in range(3)]
    ids = await desk.kept(*wrong)
    small.clock.at += 2 * dt.timedelta(seconds=1)
    sound = placed()
    answer = await small.send(sound, placed(currency="ZZZ"), wrong[0])
    assert answer.status_code == 507
    assert answer.json()["type"].endswith("/quarantine-full")
    assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [("/1/data/currency", "unknown-currency")]
    assert small.bus.appended == []
    assert await small.outcomes(*wrong, sound) == ["quarantined"] * 3 + ["accepted"]
    refused = await small.send(sound | {"subject": "another"})
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [("/0", "conflict")]
    other = [placed(currency="ZZZ", event={"source": "other"}) for _ in range(3)]
    assert await small.outcomes(*other[:2]) == ["quarantined"] * 2
    small.clock.at += 2 * dt.timedelta(seconds=1)
    assert (await small.send(other[2])).status_code == 507  # all together
    await desk.act("discard", ids[0])
    small.clock.at += 2 * dt.timedelta(seconds=1)
    assert await small.outcomes(other[2]) == ["quarantined"]


async def test_bytes_are_counted_too(small: Any, placed: Any) -> None:
    assert await small.outcomes(placed(event={"note": "x" * 9_000}, currency="ZZZ")) == ["quarantined"]
    small.clock.at += 2 * dt.timedelta(seconds=1)
    assert (await small.send(placed(event={"note": "x" * 2_000}, currency="ZZZ"))).status_code == 507
