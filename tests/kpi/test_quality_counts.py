"""Data quality over time: what is counted equals a recount of the log, in any batches; and who sees what of it."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.bus import Partition, Record
from chassis.db import Connection, Database
from contracts import envelope
from contracts.quality import DOOR_COUNTED, DoorCount, count_id
from contracts.topics import DOOR_COUNTS, EVENT_TYPES, object_key
from services.kpi.domain.quality_table import Group, Question, in_parts
from services.kpi.domain.sight import Sight
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_door_counts import apply_door_counts
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.read_quality import read_quality, read_statistics
from tests.kpi.stories import histories
from tests.kpi.test_laws import Done

Event, MakeRecord, Person = dict[str, Any], Callable[..., Record], Callable[..., Record]
EVERYTHING = {"since": dt.date(2026, 1, 1), "until": dt.date(2027, 1, 1)}
HOURS = (1, 4, 8, 24, 48, 72, 168, 336, 720)
PLACED = "crm.order.placed.v1"
NOW = dt.datetime(2026, 3, 10, 15, 0, tzinfo=dt.UTC)


async def table(conn: Connection, **asked: Any) -> dict[tuple[str, ...], Group]:
    """The whole answer, by key."""
    found = await read_statistics(conn, Question(**EVERYTHING | asked), None, 10_000)
    assert [group.key for group in found] == sorted(group.key for group in found)
    return {group.key: group for group in found}


def recounted(records: Sequence[Record], zone: ZoneInfo) -> dict[tuple[str, ...], Counter[str]]:
    """By hand, record after record: per (day, source, type, rep) and per (day, source, type, "") what was said."""
    firsts: dict[tuple[str, ...], Any] = {}
    found: dict[tuple[str, ...], Counter[str]] = {}
    for record in records:
        event = json.loads(record.value)
        data, type_ = event["data"], event["type"]
        field = object_key(type_)
        identity = field, data[field], event["source"], event["id"]
        content = type_, event["time"], json.dumps(data, sort_keys=True)
        said = Counter({"accepted": 1})
        if identity in firsts:
            said = Counter({"duplicate" if firsts[identity] == content else "conflict": 1})
        elif "importid" in event:
            said["imported"] = 1
        else:
            said += since_the_deal(event, record.appended_at, zone)
        if identity not in firsts:
            said.update({f"missing {name}": 1 for name in optional(type_) if not data.get(name)})
        firsts.setdefault(identity, content)
        day = record.appended_at.astimezone(zone).date().isoformat()
        reps = {c["rep_id"] for c in data.get("credits", [])} | {data[n] for n in ("rep_id",) if n in data}
        for rep in ("", *reps):
            found.setdefault((day, event["source"], type_, rep), Counter()).update(said)
    return found


def since_the_deal(event: Event, received_at: dt.datetime, zone: ZoneInfo) -> Counter[str]:
    happened_at = dt.datetime.fromisoformat(event["time"])
    stated = event["data"].get("business_date")
    day = dt.date.fromisoformat(stated) if stated else happened_at.astimezone(zone).date()
    day_end = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), zone)
    seconds = max(0, int((received_at - (day_end if stated else happened_at)).total_seconds()))
    bucket = sum(seconds > hours * 3600 for hours in HOURS)
    late = received_at > day_end + dt.timedelta(hours=24)
    return Counter({"entry_seconds": seconds, f"entered {bucket}": 1} | ({"late": 1} if late else {}))


def optional(type_: str) -> list[str]:
    fields = msgspec.structs.fields(EVENT_TYPES[type_])
    return [f.name for f in fields if not f.required and f.name not in ("revision", "scale_max")]


def as_counter(group: Group) -> Counter[str]:
    """The same words for an answer of one type."""
    names = ("accepted", "duplicate", "conflict", "imported", "late", "entry_seconds")
    found = Counter({name: group.sums[name] for name in names})
    found.update({f"entered {bucket}": times for bucket, times in enumerate(group.entered)})
    found.update({f"missing {field}": times for (_, field), times in group.missing.items()})
    return +found


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(history=histories(), seed=st.integers(0, 2**32))
async def test_the_counts_are_a_recount_of_the_log_in_any_batches(
    clean: Database, zone: ZoneInfo, record: MakeRecord, history: list[Event], seed: int
) -> None:
    dice = random.Random(seed)
    events = history + [e for e in history if dice.random() < 0.3]
    dice.shuffle(events)
    records = []
    for event in events:
        if dice.random() < 0.2:
            event = event | {"time": "2026-01-29T09:00:00Z"}
        if dice.random() < 0.2:
            event = event | {"importid": "x"}
        records.append(record(event, NOW - dt.timedelta(hours=dice.choice([0, 13, 700, 963, 1000]))))
    expected = recounted(records, zone)
    try:
        async with clean.transaction() as conn:
            left = records
            while left:
                size = dice.randint(1, 9)
                await apply_events(conn, left[:size], zone)
                left = left[size:]
            by = ("day", "source", "type")
            answers = {(*key, ""): group for key, group in (await table(conn, by=by)).items()}
            answers |= await table(conn, by=(*by, "rep"))
            coarse = await table(conn)
            waits = await read_quality(conn, "waiting", Sight(), "", 200)
            assert sum(g.sums["waiting"] for g in coarse.values()) >= len(waits)
            assert bool(waits) == any(g.sums["waiting"] for g in coarse.values())
            raise Done([answers, coarse])
    except Done as done:
        answers, coarse = done.found
    assert {key: as_counter(group) for key, group in answers.items()} == expected
    total = sum((count for key, count in expected.items() if not key[-1]), Counter())
    for group in coarse.values():
        assert {name: group.sums[name] for name in ("accepted", "duplicate", "conflict", "late")} == {
            name: total[name] for name in ("accepted", "duplicate", "conflict", "late")
        }


@pytest.fixture
async def counted(clean: Database, zone: ZoneInfo, record: MakeRecord, event: Any, person: Person) -> Database:
    """Two weeks of orders of ann and bob (below boss until 9 March), of a stranger, and of nobody."""
    people = [
        person("boss", 1),
        person("ann", 1, ("manager", "boss", "2026-01-01", None)),
        person("bob", 1, ("manager", "boss", "2026-01-01", "2026-03-09")),
    ]
    sold = [("1", "ann bob", 4), ("2", "ann", 5), ("3", "bob", 10), ("4", "stranger", 10), ("5", "", 10)]
    records = []
    for id, reps, day in sold:
        credits = [{"rep_id": r, "amount": "10"} for r in reps.split()]
        extra = {"customer_id": "c"} if day == 10 else {}
        made = event(
            "placed",
            id,
            f"2026-03-{day:02d}T12:00:00Z",
            order_id=id,
            amount=str(10 * len(credits)),
            currency="USD",
            credits=credits,
            **extra,
        )
        records.append(record(made, dt.datetime(2026, 3, day, 15, 30, tzinfo=dt.UTC)))
    early = event(
        "amended",
        "6",
        "2026-03-01T12:00:00Z",
        "web",
        order_id="9",
        amount="10",
        currency="USD",
        credits=[{"rep_id": "ann", "share": "1"}],
    )
    records.append(record(early, dt.datetime(2026, 3, 10, 12, 0, tzinfo=dt.UTC)))
    async with clean.transaction() as conn:
        await apply_people(conn, people)
        await apply_events(conn, records, zone)
        await apply_door_counts(
            conn, [told("2026-03-10", "ann", quarantined=1), told("2026-03-10", None, quarantined=2)]
        )
        await apply_door_counts(conn, [told("2026-03-10", None, quarantined=3, duplicate=1, resolved=2)])
        await apply_door_counts(conn, [told("2026-03-10", None, quarantined=2)])
    return clean


def told(day: str, rep_id: str | None, **totals: int) -> Record:
    """A record of the door."""
    when = dt.date.fromisoformat(day)
    id = count_id(when, "crm", PLACED, rep_id)
    count = DoorCount(count_id=id, day=when, source="crm", type=PLACED, rep_id=rep_id, **totals)
    value = envelope.encode(type=DOOR_COUNTED, source="/merit/ingest", id=f"{id}/1", time=NOW, data=count)
    return Record(Partition(DOOR_COUNTS.name, 0), 0, id.encode(), value, (), NOW)


def picked(groups: dict[tuple[str, ...], Group], *names: str) -> dict[tuple[str, ...], tuple[int, ...]]:
    return {key: tuple(group.sums[name] for name in names) for key, group in groups.items()}


async def test_one_table_has_what_the_readers_and_what_the_door_counted(counted: Database) -> None:
    async with counted.transaction() as conn:
        (whole,) = (await table(conn)).values()
        assert picked({(): whole}, "accepted", "quarantined", "duplicate", "resolved", "waiting", "unresolved") == {
            (): (6, 3, 1, 2, 1, 1)
        }
        assert (whole.sums["late"], whole.sums["corrections"]) == (1, 1)
        assert whole.shares["accepted"] == "0.600000"
        assert whole.shares["late"] == "0.166667"
        assert whole.fields_missing["customer_id"] == {"events": 6, "missing": 3, "share": "0.500000"}
        assert whole.entry_hours == {"events": 6, "mean": "38.916667", "median_at_most": 4, "max": "216.000000"}
        assert picked(await table(conn, by=("week",)), "accepted", "quarantined") == {
            ("2026-03-02",): (2, 0),
            ("2026-03-09",): (4, 3),
        }
        assert picked(await table(conn, by=("month", "source")), "accepted") == {
            ("2026-03-01", "crm"): (5,),
            ("2026-03-01", "web"): (1,),
        }
        assert picked(await table(conn, by=("rep",)), "accepted", "quarantined", "waiting", "unresolved") == {
            ("ann",): (3, 1, 1, 0),
            ("bob",): (2, 0, 0, 0),
            ("stranger",): (1, 0, 0, 1),
        }
        assert picked(await table(conn, by=("type",), source="web"), "accepted") == {("crm.order.amended.v1",): (1,)}
        assert picked(await table(conn, until=dt.date(2026, 3, 5)), "accepted") == {(): (1,)}
        assert await table(conn, since=dt.date(2026, 4, 1)) == {}


async def test_each_sees_what_they_may(counted: Database) -> None:
    async with counted.transaction() as conn:
        own = await table(conn, sight=Sight(own="ann"), by=("rep",))
        assert picked(own, "accepted", "quarantined") == {("ann",): (3, 1)}
        tree = await table(conn, sight=Sight(tree="boss"), by=("rep",))
        assert picked(tree, "accepted") == {("ann",): (3,), ("bob",): (1,)}  # bob's of the 10th came after he left
        assert picked(await table(conn, sight=Sight(tree="boss")), "accepted") == {(): (4,)}
        assert await table(conn, sight=Sight(own="ann"), rep_id="bob") == {}
        assert await table(conn, sight=Sight(own="")) == {}
        assert await table(conn, sight=Sight(tree="ann"), by=("rep",)) == own
        assert picked(await table(conn, only_source="web"), "accepted") == {(): (1,)}
        assert await table(conn, only_source="web", source="crm") == {}


async def test_pages_make_the_whole(counted: Database) -> None:
    asked = Question(**EVERYTHING, by=("day", "source", "type", "rep"))
    async with counted.transaction() as conn:
        whole = await read_statistics(conn, asked, None, 100)
        for size in (1, 2, 3):
            paged: list[Group] = []
            after: Sequence[str] | None = None
            while page := await read_statistics(conn, asked, after, size):
                paged += page
                after = page[-1].key
            assert paged == whole


async def test_what_stood_early_waits_no_more(
    counted: Database, zone: ZoneInfo, record: MakeRecord, event: Any
) -> None:
    placed = event("placed", "7", "2026-03-01T12:00:00Z", "web", order_id="9", amount="1", currency="USD", credits=[])
    async with counted.transaction() as conn:
        await apply_events(conn, [record(placed)], zone)
        (whole,) = (await table(conn)).values()
        assert (whole.sums["waiting"], whole.sums["accepted"]) == (0, 7)
        assert await conn.fetchval("select count(*) from waiting_event") == 0


async def test_a_stranger_who_comes_to_be_known_resolves_it(counted: Database, person: Person) -> None:
    async with counted.transaction() as conn:
        await apply_people(conn, [person("stranger", 1)])
        (whole,) = (await table(conn)).values()
        assert whole.sums["unresolved"] == 0


@given(
    st.dates(dt.date(2024, 1, 1), dt.date(2027, 1, 1)),
    st.integers(1, 1000),
    st.sampled_from(["day", "week", "month", "source"]),
    st.none() | st.integers(0, 999),
)
def test_parts_make_the_whole_and_cut_no_period(since: dt.date, days: int, by: Any, behind: int | None) -> None:
    until = since + dt.timedelta(days)
    after = None if behind is None or by == "source" else [str(period_of(since + dt.timedelta(behind % days), by))]
    parts = [(p.since, p.until) for p in in_parts(Question(since=since, until=until, by=(by,)), after)]
    assert parts[0][0] == (max(since, dt.date.fromisoformat(after[0])) if after else since)
    assert parts[-1][1] == until
    for (start, end), (following, _) in itertools.pairwise(parts):
        assert start < end == following
        assert period_of(end, by) == end
    assert len(parts) <= (10 if by in ("day", "week", "month") else 1)


def period_of(day: dt.date, grain: str) -> dt.date:
    """The first day of the period that a day lies in."""
    if grain == "month":
        return day.replace(day=1)
    return day - dt.timedelta(day.weekday()) if grain == "week" else day


def test_shares_are_of_what_was_sent() -> None:
    sums = dict.fromkeys(("accepted", "duplicate", "conflict", "quarantined", "late", "entry_seconds_max"), 0)
    nothing = Group((), sums | {"entry_seconds": 0}, [0] * 10, {}, {})
    assert set(nothing.shares.values()) == {None}
    assert nothing.entry_hours == {"events": 0, "mean": None, "median_at_most": None, "max": None}
    assert nothing.fields_missing == {}


@given(st.lists(st.integers(0, 5), min_size=10, max_size=10))
def test_the_median_keeps_its_bound(entered: list[int]) -> None:
    sums = {"entry_seconds": 0, "entry_seconds_max": 0}
    bound = Group((), sums, entered, {}, {}).entry_hours["median_at_most"]
    hours = [at for at, times in enumerate(entered) for _ in range(times)]
    if not hours:
        assert bound is None
        return
    lower_median = sorted(hours)[(len(hours) - 1) // 2]
    assert bound == (None if lower_median == 9 else HOURS[lower_median])
    assert Fraction(sum(1 for h in hours if h <= lower_median), len(hours)) >= Fraction(1, 2)
