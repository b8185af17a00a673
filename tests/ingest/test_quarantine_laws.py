"""Laws of the quarantine: a merge patch can be taken back, and whatever is done, each event counts once."""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.ingest.domain.corrections import merged, undoing, written
from services.ingest.domain.entries import EntryFilter, fault_words
from services.ingest.domain.faults import Fault
from tests.ingest.desk import Desk

shared = settings(
    deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
names = st.sampled_from("abc")
scalars = st.booleans() | st.integers() | st.text(max_size=3)


def documents(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    values = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=3), max_leaves=6
    )
    return st.dictionaries(names, values, max_size=3)


@shared
@given(event=documents(scalars), patch=documents(scalars | st.none()))
def test_a_patch_can_be_taken_back(event: dict[str, Any], patch: dict[str, Any]) -> None:
    assert merged(merged(event, patch), undoing(event, patch)) == event


RFC_7396 = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]


def test_the_examples_of_rfc_7396() -> None:
    for target, patch, result in RFC_7396:
        assert merged(target, patch) == result


@shared
@given(value=documents(scalars | st.none() | st.floats() | st.text(st.characters(codec=None), max_size=3)))
def test_what_is_written_is_json(value: dict[str, Any]) -> None:
    text = written(value).decode()
    assert json.loads(text, parse_constant=lambda name: 1 / 0).keys() == value.keys()


@shared
@given(
    faults=st.lists(st.tuples(st.sampled_from(["missing", "too-long"]), st.lists(names, max_size=3)), max_size=3),
    code=st.none() | st.sampled_from(["missing", "too-long"]),
    place=st.none() | st.lists(names, min_size=1, max_size=3),
)
def test_a_word_finds_exactly_the_faults_at_a_place_or_below(
    faults: list[tuple[str, list[str]]], code: str | None, place: list[str] | None
) -> None:
    listed = [Fault("".join(f"/{step}" for step in where), what, "") for what, where in faults]
    wanted = EntryFilter(code=code, pointer=place and "".join(f"/{step}" for step in place))
    matches = any(code in (None, what) and (place is None or where[: len(place)] == place) for what, where in faults)
    assert (wanted.word is None or wanted.word in fault_words(listed)) == (matches or wanted.word is None)


INTERRUPTED = [
    ("send", "1", ("USD", "1"), "fine"),
    ("correct", "1", ("USD", "1"), "lost"),
    ("bulk", "1", ("USD", "2"), "fine"),
    ("resubmit", "1", ("USD", "1"), "fine"),
]
deeds = st.lists(
    st.tuples(
        st.sampled_from(["send", "correct", "correct", "resubmit", "discard", "bulk"]),
        st.sampled_from("12"),
        st.sampled_from([("ZZZ", "1"), ("USD", "1"), ("USD", "2")]),
        st.sampled_from(["fine", "down", "lost"]),
    ),
    max_size=14,
)


@settings(shared, max_examples=40)
@given(done=deeds)
@example(done=INTERRUPTED)
async def test_whatever_is_done_an_identity_has_one_first_and_its_entries_say_so(
    door: Any, placed: Any, done: list[tuple[str, str, tuple[str, str], str]]
) -> None:
    """A faulty event is sent and edited in every way, with a log that is down or loses its answer.

    What is resolved lies on the log; whatever was put there of one entry says the same.
    """
    run, desk, template = next(_runs), Desk(door), placed()
    for deed, id, (currency, amount), log in done:
        door.bus.down, door.bus.fails_after = log == "down", log == "lost"
        if deed == "send":
            data = template["data"] | {"order_id": f"{run}{id}", "currency": "XXY"}
            await door.send(template | {"id": f"{run}{id}", "data": data})
        else:
            await edit(desk, deed, f"{run}{id}", {"data": {"currency": currency, "amount": amount, "credits": []}})
    door.bus.down = door.bus.fails_after = False
    on_the_log: dict[str, list[Any]] = {}
    for value in await door.on_the_log():
        event = json.loads(value)
        if event["id"].startswith(run):
            on_the_log.setdefault(event["id"], []).append(event["data"])
    for entry in await door.entries(f"source={template['source']}"):
        if not entry["id"].startswith(run):
            continue
        records = on_the_log.get(entry["id"], [])
        assert all(record == records[0] for record in records)
        assert (entry["state"] == "resolved") <= bool(records)
        assert (entry["state"] == "open" and not entry["submitted"]) <= bool(entry["faults"])
        assert [e["revision"] for e in entry["history"]] == list(range(2, entry["revision"] + 1))
        assert entry["revision"] == 1 or entry["history"][-1]["state"] == entry["state"]
    checks = (await door.get("/v1/verification/events")).json()
    assert [check["ok"] for check in checks] == [True, True], checks


async def edit(desk: Desk, deed: str, id: str, patch: Any) -> None:
    """The deed for whatever is kept of an event, closed entries too: those are refused."""
    listed = (await desk.door.get(f"/v1/quarantine?id={id}")).json()["items"]
    if deed == "bulk":
        body = {"action": "correct", "filter": {"id": id}, "patch": patch, "dry_run": False}
        async with desk.door.client() as client:
            assert (await client.post("/v1/quarantine/bulk", json=body)).status_code in (200, 503)
        return
    for entry in listed:
        answer = await desk.act(deed, entry["quarantine_id"], patch if deed == "correct" else None)
        assert answer.status_code in ({200, 503} if entry["state"] == "open" else {409}) | {409}, answer.text


_runs = (f"laws{number}-" for number in itertools.count())
