"""The door's counts say what was answered, less what lies on the log; they are told as totals that only grow."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import envelope
from contracts.quality import DoorCount, count_id
from services.ingest.domain.counts import WHATS, reps_of
from services.ingest.handlers.tell_counts import Teller
from tests.ingest.desk import TYPE, Desk

DAY = dt.date(2026, 3, 10)
Key = tuple[str, str, str]
"""Source, type and rep; without a rep: everybody."""


async def counted(door: Any, day: dt.date = DAY) -> dict[Key, Counter[str]]:
    """What the table says of a day."""
    async with door.database.transaction() as conn:
        rows = await conn.fetch("select * from door_count where day = $1", day)
    found: dict[Key, Counter[str]] = {}
    for row in rows:
        key = row["source"], row["type"], row["rep_id"]
        found.setdefault(key, Counter()).update({what: row[what] for what in WHATS if row[what]})
    return found


async def told(door: Any) -> list[DoorCount]:
    """What the teller announces now."""
    while await Teller(door.database, door.clock).step():
        pass
    async with door.database.transaction() as conn:
        rows = await conn.fetch("delete from outbox returning id, topic, key, value")
    counts = []
    for row in sorted(rows, key=lambda row: row["id"]):
        event = envelope.decode(row["value"])
        count = msgspec.json.decode(event.data, type=DoorCount)
        assert (row["topic"], row["key"].decode(), event.subject) == ("door-counts",) + (count.count_id,) * 2
        counts.append(count)
    return counts


async def test_what_is_accepted_is_for_the_readers_to_count(door: Any, placed: Any) -> None:
    await door.send(placed(), placed())
    assert await counted(door) == {}


async def test_each_answer_counts_for_everybody_and_for_each_rep(door: Any, placed: Any) -> None:
    event, wrong = placed(), placed(currency="ZZZ", credits=[{"rep_id": "7", "share": "1"}])
    await door.send(event, event, wrong, wrong, event | {"subject": "other"}, event | {"subject": "other"})
    assert await counted(door) == {
        ("crm", TYPE, ""): Counter(duplicate=3, quarantined=1, conflict=1),
        ("crm", TYPE, "7"): Counter(duplicate=3, quarantined=1, conflict=1),
        ("crm", TYPE, "8"): Counter(duplicate=2, conflict=1),
    }


async def test_what_is_closed_counts_on_its_own_day(desk: Desk, placed: Any) -> None:
    one, two, three = (placed(currency="ZZZ") for _ in range(3))
    ids = await desk.kept(one, two, three)
    desk.door.clock.at += dt.timedelta(days=1)
    await desk.act("discard", ids[0])
    await desk.correct(ids[1], {"data": {"currency": "USD", "credits": [{"rep_id": "9", "share": "1"}]}})
    await desk.door.send(three | {"data": three["data"] | {"currency": "USD"}})
    assert await counted(desk.door) == {("crm", TYPE, who): Counter(quarantined=3) for who in ("", "7", "8")}
    assert await counted(desk.door, DAY + dt.timedelta(days=1)) == {
        ("crm", TYPE, ""): Counter(discarded=1, resolved=2),
        ("crm", TYPE, "7"): Counter(discarded=1, resolved=1),
        ("crm", TYPE, "8"): Counter(discarded=1, resolved=1),
        ("crm", TYPE, "9"): Counter(resolved=1),
    }


@pytest.mark.parametrize("amount", ["100.50", "2"])
async def test_what_was_put_on_the_log_all_the_same_is_for_its_readers(door: Any, placed: Any, amount: str) -> None:
    """The answer is a duplicate or a conflict, but the record lies there: counted here too it would count twice."""
    event = placed()
    door.bus.meanwhile_before = lambda: door.send(event)
    assert await door.outcomes(event | {"data": event["data"] | {"amount": amount}}) != ["accepted"]
    assert await counted(door) == {}


async def test_what_was_not_answered_is_not_counted(door: Any, placed: Any) -> None:
    door.bus.fails_after = True
    await door.send(placed(), placed(currency="ZZZ"))
    await door.send(placed(currency="ZZZ"), prefer="handling=strict")
    assert await counted(door) == {}


async def test_a_day_is_local(door: Any, placed: Any) -> None:
    door.clock.at = dt.datetime(2026, 3, 11, 3, 0, tzinfo=dt.UTC)  # eleven in the evening of the 10th, in New York
    await door.send(placed(currency="ZZZ"))
    assert ("crm", TYPE, "") in await counted(door)


async def test_totals_are_told_and_told_again_when_they_grow(door: Any, placed: Any) -> None:
    wrong = placed(currency="ZZZ", credits=[{"rep_id": "7", "share": "1"}])
    await door.send(wrong)
    first = {count.rep_id: count for count in await told(door)}
    assert set(first) == {None, "7"}
    assert first["7"] == DoorCount(
        count_id=count_id(DAY, "crm", TYPE, "7"), day=DAY, source="crm", type=TYPE, rep_id="7", quarantined=1
    )
    assert await told(door) == []
    await door.send(wrong)
    again = {count.rep_id: count for count in await told(door)}
    assert (again["7"].count_id, again["7"].quarantined, again["7"].duplicate) == (first["7"].count_id, 1, 1)


async def test_many_at_once_lose_nothing(door: Any, placed: Any) -> None:
    wrong = placed(currency="ZZZ")
    await door.send(wrong)

    async def tell() -> None:
        for _ in range(10):
            await Teller(door.database, door.clock).step()
            await asyncio.sleep(0)

    await asyncio.gather(*(door.send(wrong) for _ in range(40)), tell(), tell())
    assert (await counted(door))["crm", TYPE, ""] == Counter(quarantined=1, duplicate=40)
    latest = {count.count_id: count for count in await told(door)}
    assert latest[count_id(DAY, "crm", TYPE, None)].duplicate == 40


FAULTY_DATA = [
    (None, ()),
    ([], ()),
    ({"rep_id": "7"}, ("7",)),
    ({"rep_id": 7, "credits": "x"}, ()),
    ({"credits": [{"rep_id": "b"}, {"rep_id": "a"}, {"rep_id": "a"}, {}, 5, {"rep_id": ["x"]}]}, ("a", "b")),
    ({"rep_id": "a\0b"}, ("a\ufffdb",)),
    ({"rep_id": ""}, ()),
]


@pytest.mark.parametrize(("data", "reps"), FAULTY_DATA)
def test_reps_are_read_as_far_as_they_can_be(data: Any, reps: tuple[str, ...]) -> None:
    assert reps_of(data) == reps


def test_reps_are_bounded() -> None:
    found = reps_of({"credits": [{"rep_id": str(n) * 99} for n in range(200)]})
    assert len(found) == 100
    assert max(map(len, found)) <= 256


sendings = st.lists(
    st.tuples(
        st.sampled_from("123"),
        st.sampled_from(["100", "200", "-1", "-2"]),
        st.sampled_from([[], ["7"], ["7", "8"]]),
        st.booleans(),
    ),
    max_size=16,
)


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(sent=sendings, cuts=st.sets(st.integers(1, 15)))
async def test_the_counts_are_a_recount_of_the_answers(
    door: Any, placed: Any, sent: list[tuple[str, str, list[str], bool]], cuts: set[int]
) -> None:
    """In whatever batches, some of which fail: what is counted is what the answers say, each kept event once."""
    source, template = next(_sources), placed()
    events = [
        template
        | {"source": source, "id": id}
        | {"data": template["data"] | {"order_id": f"{source}{id}", "amount": amount, "credits": credits_of(reps)}}
        for id, amount, reps, _ in sent
    ]
    expected: dict[str, Counter[str]] = {}
    kept: set[str] = set()
    bounds = [0, *sorted(cut for cut in cuts if cut < len(events)), len(events)]
    for start, end in itertools.pairwise(bounds):
        door.bus.down = any(fails for *_, fails in sent[start:end])
        answer = await door.send(*events[start:end])
        if answer.status_code != 202:
            continue
        for result, (_, _, reps, _) in zip(answer.json()["results"], sent[start:end], strict=True):
            what = result["outcome"]
            if what == "accepted":
                continue
            entry = result.get("quarantine_id")
            if entry in kept:
                what = "duplicate"
            kept |= {entry} - {None}
            for who in ("", *reps):
                expected.setdefault(who, Counter())[what] += 1
    door.bus.down = False
    found = {who: counts for (of, _, who), counts in (await counted(door)).items() if of == source}
    for counts in found.values():
        del counts["resolved"]
    assert {who: counts for who, counts in found.items() if counts} == expected


def credits_of(reps: list[str]) -> list[dict[str, str]]:
    """Equal shares."""
    return [{"rep_id": rep, "share": str(1 / len(reps))} for rep in reps]


_sources = (f"counts{number}" for number in itertools.count())
