"""Hand-made cases: opportunities, cases, surveys and follow-ups, each sentence of the semantics with numbers."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest

from tests.oracle import history, kpis, thing_kpis, things
from tests.oracle.cases import ALWAYS, ZONE, Event, one, placed
from tests.oracle.directory import Directory
from tests.oracle.things import Thing

NOBODY = Directory([])
LATER = dt.date(2099, 1, 1)


def event(type: str, id: str, time: str, **data: Any) -> Event:
    """``opportunity.won`` and the like, of one object per kind, unless said otherwise."""
    kind = type.split(".")[0]
    time = time if "T" in time else f"{time}T12:00:00Z"
    who = {"credits": one("a")} if kind in ("survey", "credit_note") else {"rep_id": "a"}
    return {
        "type": f"crm.{type}.v1",
        "source": "/crm",
        "id": id,
        "time": time,
        "data": {f"{kind}_id": "x"} | who | data,
    }


def only(events: list[Event]) -> Thing:
    (thing,), waiting = things.read(events, ZONE)
    assert not waiting
    return thing


def value(kpi: str, events: list[Event], as_of: dt.date = LATER) -> str | None:
    found = thing_kpis.values(kpi, "rep", things.read(events, ZONE)[0], NOBODY, [ALWAYS], as_of)
    return found.get(("a", ALWAYS))


class TestOpportunities:
    def test_the_earliest_won_holds_with_its_rep_even_if_lost_follows(self) -> None:
        events = [
            event("opportunity.opened", "1", "2024-03-01", amount="10"),
            event("opportunity.won", "2", "2024-03-20", rep_id="late"),
            event("opportunity.won", "3", "2024-03-10", rep_id="b"),
            event("opportunity.lost", "4", "2024-03-05"),
        ]
        thing = only(events)
        assert (thing.status, thing.reps, thing.days["won_at"]) == ("won", ("b",), dt.date(2024, 3, 10))
        assert thing.days["lost_at"] is None
        assert all(only(list(order)) == thing for order in permutations(events))

    def test_what_is_absent_stays_as_it_was(self) -> None:
        updated = event("opportunity.updated", "2", "2024-03-02", amount="12")
        silent = event("opportunity.updated", "3", "2024-03-03", rep_id="c")
        thing = only([event("opportunity.opened", "1", "2024-03-01", amount="10"), updated, silent])
        assert (thing.numbers["amount"], thing.reps, thing.status) == (12, ("c",), "open")

    def test_what_comes_before_its_opening_waits_unless_it_says_when_that_was(self) -> None:
        assert things.read([event("opportunity.won", "1", "2024-03-01")], ZONE) == ([], {"x"})
        assert value("sales_cycle", [event("opportunity.won", "1", "2024-03-05", opened_at="2024-03-01")]) == "4.000000"

    def test_the_cycle_is_the_difference_of_local_dates(self) -> None:  # K2
        events = []
        for name, (opened, won) in {"1": ("01-01", "02-15"), "2": ("01-01", "02-24"), "3": ("01-01", "02-09")}.items():
            events.append(event("opportunity.opened", f"o{name}", f"2024-{opened}", opportunity_id=name))
            events.append(event("opportunity.won", f"w{name}", f"2024-{won}", opportunity_id=name))
        assert value("sales_cycle", events) == "46.000000"
        assert value("sales_cycle", events[:1]) is None

    def test_the_pipeline_is_what_is_open_at_the_end_of_a_day(self) -> None:
        events = [
            event("opportunity.opened", "1", "2024-03-01", amount="10"),
            event("opportunity.lost", "2", "2024-03-05"),
        ]
        days = [dt.date(2024, 3, day) for day in (1, 4, 5)]
        found = thing_kpis.pipeline("rep", things.read(events, ZONE)[0], NOBODY, days)
        assert found == {("a", days[0]): 10, ("a", days[1]): 10}


class TestCases:
    def test_the_first_response_counts_in_seconds_from_the_opening(self) -> None:
        events = [
            event("case.opened", "1", "2024-03-01T10:00:00Z"),
            event("case.responded", "2", "2024-03-01T10:05:00Z"),
            event("case.responded", "3", "2024-03-01T10:02:30Z"),
            event("case.resolved", "4", "2024-03-02T10:00:00Z"),
        ]
        assert value("first_response_time", events) == "150.000000"
        assert value("resolution_time", events) == "86400.000000"

    def test_a_bare_date_begins_at_its_midnight(self) -> None:
        opened = event("case.opened", "1", "2024-03-01T10:00:00Z", opened_at="2024-03-01")
        assert value("resolution_time", [opened, event("case.resolved", "2", "2024-03-01T23:00:10Z")]) == "86410.000000"


class TestSurveys:
    def test_satisfied_is_the_top_two_of_five(self) -> None:  # K1
        events: list[Event] = []
        for score, number in {5: 42, 4: 32, 3: 10, 2: 9, 1: 14}.items():
            events += [
                event("survey.answered", f"{score}-{n}", "2024-03-01", survey_id=f"{score}-{n}", score=score)
                for n in range(number)
            ]
        assert value("customer_satisfaction", events) == "0.691589"
        assert value("mean_score", events) == thing_kpis.numbers.ratio(Fraction(42 * 5 + 32 * 4 + 30 + 18 + 14, 107))

    @pytest.mark.parametrize(
        ("scale", "score", "satisfied"), [(2, 2, 1), (7, 6, 1), (7, 5, 0), (10, 9, 1), (3, 3, None)]
    )
    def test_the_threshold_goes_by_the_scale(self, scale: int, score: int, satisfied: int | None) -> None:
        answer = event("survey.answered", "1", "2024-03-01", score=str(score), scale_max=scale)
        assert only([answer]).numbers["satisfied"] == satisfied

    def test_shared_by_two_it_counts_once_for_each_and_once_for_their_company(self) -> None:
        shares = [{"rep_id": "a", "share": "0.5"}, {"rep_id": "b", "share": "0.5"}]
        answers = [event("survey.answered", "1", "2024-03-01", score=5, credits=shares)]
        have = thing_kpis.collect(things.read(answers, ZONE)[0], NOBODY, "day")
        assert {subject: len(dated) for subject, dated in have.items()} == {
            ("rep", "a"): 1,
            ("rep", "b"): 1,
            ("company", "company"): 1,
        }


class TestFollowups:
    @pytest.mark.parametrize(
        ("due", "done", "rate"),
        [
            ("2024-03-05", "2024-03-05T22:59:59Z", "1.000000"),
            ("2024-03-05", "2024-03-05T23:00:00Z", "0.000000"),
            ("2024-03-05T10:00:00Z", "2024-03-05T10:00:00Z", "1.000000"),
            ("2024-03-05T10:00:00Z", "2024-03-05T10:00:01Z", "0.000000"),
        ],
    )
    def test_done_by_when_it_is_due_a_date_lasts_to_its_end(self, due: str, done: str, rate: str) -> None:
        events = [event("followup.scheduled", "1", "2024-03-01", due_at=due), event("followup.completed", "2", done)]
        assert value("follow_up_rate", events) == rate

    def test_the_latest_scheduled_holds_and_the_cancelled_leaves(self) -> None:
        first = event("followup.scheduled", "1", "2024-03-01", due_at="2024-03-05")
        moved = event("followup.scheduled", "2", "2024-03-02", due_at="2024-04-05")
        assert only([first, moved]).days["due_at"] == dt.date(2024, 4, 5)
        assert value("follow_up_rate", [first, event("followup.cancelled", "3", "2024-03-03")]) is None

    def test_what_is_not_due_yet_does_not_count(self) -> None:
        events = [event("followup.scheduled", "1", "2024-03-01", due_at="2024-03-05")]
        assert value("follow_up_rate", events, as_of=dt.date(2024, 3, 4)) is None
        assert value("follow_up_rate", events, as_of=dt.date(2024, 3, 5)) == "0.000000"


class TestCreditNotes:
    def test_it_subtracts_on_its_own_day_and_is_no_order(self) -> None:
        note = event("credit_note.issued", "n", "2024-04-01", amount="30", currency="USD")
        book = history.read([placed(), note, note | {"id": "m", "time": "2024-03-01T12:00:00Z"}], ZONE)
        facts = kpis.collect(book, NOBODY)["rep", "a"]
        april = dt.date(2024, 4, 1), dt.date(2024, 5, 1)
        assert (facts.sales_amount(ALWAYS), facts.sales_amount(april), facts.order_count(ALWAYS)) == (70, -30, 1)
