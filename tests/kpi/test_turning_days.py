"""What is announced is what can be read, also when nothing but the day changes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.bus import Record
from chassis.db import Connection, Database
from contracts import envelope
from contracts.kpi import ValueChanged
from services.kpi.domain.cells import Asked
from services.kpi.domain.periods import GRAINS, containing
from services.kpi.domain.sight import ALL
from services.kpi.handlers.announce import announce_changes
from services.kpi.handlers.apply_directory import apply_people
from services.kpi.handlers.apply_events import apply_events
from services.kpi.handlers.compute import compute
from services.kpi.handlers.in_force import in_force
from services.kpi.handlers.turn_day import turn_day
from services.kpi.store import marks

Event, Person = Callable[..., dict[str, Any]], Callable[..., Record]
Told = dict[tuple[str, str, str, str], str | None]
DAY = dt.timedelta(days=1)
FIRST = dt.date(2026, 1, 28)
"""Days before the end of a month, so that a few days turn days, weeks and months."""


async def announce(conn: Connection, today: dt.date) -> Told:
    """Turn the day and drain the marks; what was told, by (kpi, kind and subject, grain, period)."""
    now = dt.datetime.combine(today, dt.time(15), dt.UTC)
    assert await marks.alone(conn)
    await turn_day(conn, today)
    for ids in await marks.waiting(conn, 1000):
        await announce_changes(conn, (await marks.take(conn, ids))[0], now, today)
    rows = await conn.fetch("delete from outbox returning id, value")
    told = [msgspec.json.decode(envelope.decode(r["value"]).data, type=ValueChanged) for r in sorted(rows)]
    return {
        (v.kpi, f"{v.subject_kind} {v.subject}", v.grain, containing(v.period_from, v.grain).name): v.value
        for v in told
    }


def followup(event: Event, id: str, due: str, **data: Any) -> dict[str, Any]:
    return event("followup.scheduled", id, "2026-01-20T12:00:00Z", followup_id=id, rep_id="ann", due_at=due, **data)


async def test_a_follow_up_counts_when_its_day_comes(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], person: Person, event: Event
) -> None:
    done = event("followup.completed", "c", "2026-01-20T13:00:00Z", followup_id="early", rep_id="ann")
    events = [followup(event, "early", "2026-01-28"), done, followup(event, "late", "2026-01-30")]
    events += [followup(event, "next", "2026-02-02")]
    rate, month = ("follow_up_rate", "rep ann"), ("month", "2026-01")
    async with clean.transaction() as conn:
        await apply_people(conn, [person("ann", 1)])
        await apply_events(conn, [record(e) for e in events], zone)
        first = await announce(conn, FIRST)
        assert first[(*rate, *month)] == "1.000000"  # one was due by today, and done
        assert ("follow_up_rate", "rep ann", "day", "2026-01-30") not in first  # a day that has not come
        assert await announce(conn, FIRST) == {}
        assert await announce(conn, FIRST + DAY) == {}
        third = await announce(conn, FIRST + 2 * DAY)
        assert third[(*rate, *month)] == "0.500000"
        assert third[(*rate, "day", "2026-01-30")] == "0.000000"
        later = await announce(conn, dt.date(2026, 2, 10))  # nobody announced for more than a week
        assert later[(*rate, "month", "2026-02")] == "0.000000"
        assert (*rate, *month) not in later


async def test_what_is_open_is_open_on_the_next_day_and_a_period_that_begins_is_compared(
    clean: Database, zone: ZoneInfo, record: Callable[..., Record], person: Person, event: Event
) -> None:
    on = {"opportunity_id": "o", "rep_id": "ann", "amount": "100", "currency": "USD"}
    opened = event("opportunity.opened", "1", "2026-01-27T12:00:00Z", **on)
    sold = event("placed", "2", "2026-01-28T12:00:00Z", order_id="x", amount="5", currency="USD", credits=[])
    pipeline, growth = ("pipeline_value", "rep ann"), ("sales_growth", "company company")
    async with clean.transaction() as conn:
        await apply_people(conn, [person("ann", 1)])
        await apply_events(conn, [record(opened), record(sold)], zone)
        first = await announce(conn, FIRST)
        assert [first[(*pipeline, "day", day)] for day in ("2026-01-27", "2026-01-28")] == ["100", "100"]
        assert first[(*growth, "day", "2026-01-28")] is None  # nothing was sold the day before
        second = await announce(conn, FIRST + DAY)
        assert {k: v for k, v in second.items() if k[0] == "pipeline_value"} == {
            (*("pipeline_value", who), "day", "2026-01-29"): "100" for who in ("rep ann", "company company")
        }
        assert second[(*growth, "day", "2026-01-29")] == "-1.000000"
        won = event("opportunity.won", "3", "2026-01-30T12:00:00Z", **on)
        await apply_events(conn, [record(won)], zone)
        third = await announce(conn, FIRST + 5 * DAY)  # the second of February
        assert third[(*pipeline, "month", "2026-01")] == "0"
        assert third[(*growth, "month", "2026-02")] == "-1.000000"
        assert third.get((*pipeline, "month", "2026-02"), "0") == "0"


days = st.dates(dt.date(2026, 1, 25), dt.date(2026, 2, 4))
happenings = st.lists(
    st.one_of(
        st.tuples(st.just("sold"), st.sampled_from("abc"), days, st.sampled_from(["ann", "bob"])),
        st.tuples(st.just("due"), st.sampled_from("abc"), days, st.sampled_from(["ann", "bob"])),
        st.tuples(st.just("opened"), st.sampled_from("abc"), days, st.sampled_from(["ann", "bob"])),
        st.tuples(st.just("won"), st.sampled_from("abc"), days, st.sampled_from(["ann", "bob"])),
        st.tuples(st.just("turned"), st.just(""), days, st.just("")),
    ),
    min_size=1,
    max_size=12,
)


def event_for(event: Event, n: int, what: str, id: str, day: dt.date, rep: str) -> dict[str, Any]:
    at, money = f"{day}T12:00:00Z", {"amount": str(n + 1), "currency": "USD"}
    match what:
        case "sold":
            credits = [{"rep_id": rep, "share": "1"}]
            return event("placed", f"{n}", at, order_id=f"s{id}", customer_id=id, credits=credits, **money)
        case "due":
            return event("followup.scheduled", f"{n}", at, followup_id=f"f{id}", rep_id=rep, due_at=day.isoformat())
    return event(f"opportunity.{what}", f"{n}", at, opportunity_id=f"o{id}", rep_id=rep, **money)


class Done(Exception):
    """Ends a transaction that must not commit."""


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(happened=happenings)
async def test_whatever_was_told_last_is_what_a_read_of_today_says(
    clean: Database,
    zone: ZoneInfo,
    record: Callable[..., Record],
    person: Person,
    event: Event,
    happened: list[tuple[str, str, dt.date, str]],
) -> None:
    today, told = dt.date(2026, 1, 26), Told()
    try:
        async with clean.transaction() as conn:
            await apply_people(conn, [person("ann", 1, ("team", "red", "2026-01-01", None)), person("bob", 1)])
            await announce(conn, today)
            for n, (what, id, day, rep) in enumerate(happened):
                if what == "turned":
                    today = max(today, day)
                    told |= await announce(conn, today)
                else:
                    await apply_events(conn, [record(event_for(event, n, what, id, day, rep))], zone)
            told |= await announce(conn, today)
            await assert_read(conn, told, today)
            raise Done
    except Done:
        pass


async def assert_read(conn: Connection, told: Told, today: dt.date) -> None:
    """Every KPI of everyone, on each of the days and periods that have begun."""
    known = await in_force(conn)
    around = [today - n * DAY for n in range(12)]
    windows = sorted({containing(d, g) for d in around for g in GRAINS}, key=lambda w: (w.start, w.end))
    for kind, subject in [("rep", "ann"), ("rep", "bob"), ("team", "red"), ("company", "company")]:
        wanted = {key: [(term, (subject, w)) for w in windows] for key, term in known.on(today).terms.items()}
        found = await compute(conn, known.kept, Asked(kind, ALL), wanted, today)
        for key, answers in found.items():
            for answer in answers:
                place = key, f"{kind} {subject}", str(answer.window.grain), answer.window.name
                if place in told:
                    assert told[place] == answer.value.text, place
                else:  # a value of no facts, or a stock of nothing, need not be told
                    assert not answer.facts or answer.value.text in (None, "0"), (place, answer)
