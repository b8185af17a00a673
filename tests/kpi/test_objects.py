"""What events say of each business object: merges commute and repeat, and each kind stands as the semantics say."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import envelope
from services.kpi.domain.fact_kinds import FACT_KINDS
from services.kpi.domain.facts import ROWS
from services.kpi.domain.objects import OBJECT_KINDS, OF_EVENT
from services.kpi.domain.objects.object_kind import Standing
from tests.kpi.stories import STORIES, Event, told_of

ZONE = ZoneInfo("America/New_York")
TYPES = {"text": str, "decimal": Decimal, "boolean": bool, "instant": dt.datetime}
NOON = "T17:00:00Z"


def learnt(events: list[Event]) -> Any:
    """What is known after these events of one object, kept packed between them."""
    known: bytes | None = None
    for event in events:
        kind = OF_EVENT[event["type"]]
        data = msgspec.json.decode(json.dumps(event["data"]), type=kind.events[event["type"]])
        history = kind.unpack(known) if known else None
        known = kind.pack(kind.learn(history, envelope.decode(json.dumps(event).encode()), data, ZONE))
    assert known
    return kind.unpack(known)


def stands(*events: Event) -> Standing:
    """How the object of these events stands, in whatever order they came."""
    found = [OF_EVENT[events[0]["type"]].stand(learnt(list(some))) for some in itertools.permutations(events)]
    assert all(one == found[0] for one in found)
    return found[0]


def fact(*events: Event, over: str | None = None) -> Any:
    """The one fact (of a kind) that these events make."""
    [found] = [f for f in stands(*events).facts if over is None or f.kind == over]
    return found


def said(kind: str, day: str, id: str = "", **data: Any) -> Event:
    """An event of the object ``x``: at noon, New York time, of a day, or at an instant."""
    field = OF_EVENT[f"crm.{kind}.v1"].id_field
    time = day if "T" in day else day + NOON
    event = {"specversion": "1.0", "type": f"crm.{kind}.v1", "source": "crm", "id": id or f"{kind} {day}", "time": time}
    return event | {"data": {field: "x"} | data}


@pytest.mark.parametrize("field", STORIES)
@given(data=st.data())
def test_order_and_repetition_do_not_matter(field: str, data: st.DataObject) -> None:
    events = data.draw(told_of(field, "x"))
    if events:
        again = events + data.draw(st.lists(st.sampled_from(events), max_size=3))
        other = learnt(data.draw(st.permutations(again)))
        assert other == learnt(events)
        assert OF_EVENT[events[0]["type"]].stand(other) == OF_EVENT[events[0]["type"]].stand(learnt(events))


@pytest.mark.parametrize("field", STORIES)
@given(data=st.data())
def test_every_fact_fits_its_table_and_has_a_name_of_its_own(field: str, data: st.DataObject) -> None:
    if events := data.draw(told_of(field, "x")):
        facts = OF_EVENT[events[0]["type"]].stand(learnt(events)).facts
        assert len({(f.kind, f.entry, f.line) for f in facts}) == len(facts)
        for one in facts:
            for column, type_ in FACT_KINDS[one.kind].own.items():
                assert isinstance(getattr(one, column), (TYPES[type_], type(None)))


def test_rows_have_the_columns_of_their_kind() -> None:
    assert {name: kind.columns for name, kind in FACT_KINDS.items()} == {
        n: r.__struct_fields__ for n, r in ROWS.items()
    }
    assert {o for kind in FACT_KINDS.values() for o in kind.objects} == set(OBJECT_KINDS)


def test_a_win_stands_with_its_rep_even_if_lost_follows_and_whatever_came_first() -> None:
    found = fact(
        said("opportunity.opened", "2026-01-05", rep_id="ann", amount="10", currency="USD"),
        said("opportunity.won", "2026-02-10", rep_id="bob"),
        said("opportunity.won", "2026-02-12", rep_id="cy", stage="closed"),
        said("opportunity.lost", "2026-02-20", rep_id="cy"),
    )
    assert (found.status, found.rep_id, found.won_day, found.lost_at) == ("won", "bob", dt.date(2026, 2, 10), None)
    assert (found.amount, found.stage, found.closed_day) == (10, "closed", dt.date(2026, 2, 10))
    assert (found.cycle_days, found.cycle_seconds) == (36, 36 * 86_400)


def test_an_opportunity_that_is_not_won_is_lost_by_its_earliest_lost() -> None:
    opened = said("opportunity.opened", "2026-01-05", rep_id="ann")
    lost = [said("opportunity.lost", f"2026-02-{day}", rep_id="ann") for day in (20, 10)]
    found = fact(opened, *lost)
    assert (found.status, found.lost_day, found.cycle_days) == ("lost", dt.date(2026, 2, 10), None)
    assert fact(opened).status == "open"


def test_a_cycle_counts_local_days_and_exact_seconds() -> None:
    found = fact(
        said("opportunity.opened", "2026-03-07T04:30:00Z", rep_id="ann"),  # the evening of 6 March
        said("opportunity.won", "2026-03-09T12:00:00.000001Z", rep_id="ann"),
    )
    assert (found.opened_day, found.cycle_days) == (dt.date(2026, 3, 6), 3)
    assert found.cycle_seconds == Decimal("199800.000001")


def test_an_opportunity_waits_for_its_beginning_and_any_event_may_state_it() -> None:
    won = said("opportunity.won", "2026-02-10", rep_id="bob")
    assert stands(won) == Standing("waiting", [])
    stated = said("opportunity.won", "2026-02-10", rep_id="bob", opened_at="2026-01-31")
    assert (fact(stated).opened_day, fact(stated).cycle_days) == (dt.date(2026, 1, 31), 10)
    corrected = said("opportunity.updated", "2026-02-11", rep_id="bob", opened_at="2026-02-01T12:00:00Z")
    assert fact(stated, corrected).cycle_days == 9


def test_what_no_later_event_says_stays_as_it_was() -> None:
    found = fact(
        said("opportunity.opened", "2026-01-05", rep_id="ann", stage="new", attributes={"a": "1", "b": "1"}),
        said("opportunity.updated", "2026-01-06", rep_id="bob", product="bike", attributes={"b": None}),
    )
    assert (found.rep_id, found.stage, found.product, found.attributes) == ("bob", "new", "bike", {"a": "1", "b": None})


def test_a_case_is_answered_and_resolved_at_its_earliest() -> None:
    opened = said("case.opened", "2026-02-01T10:00:00Z", rep_id="ann", category="bill")
    found = fact(
        opened,
        said("case.responded", "2026-02-01T10:00:30Z", rep_id="bob"),
        said("case.responded", "2026-02-01T11:00:00Z", rep_id="bob"),
        said("case.resolved", "2026-02-02T10:00:00Z", rep_id="bob"),
    )
    assert (found.status, found.category, found.rep_id) == ("resolved", "bill", "bob")
    assert (found.first_response_seconds, found.resolution_seconds) == (30, 86_400)
    assert (fact(opened).status, fact(opened).first_response_seconds) == ("open", None)
    assert stands(said("case.resolved", "2026-02-02", rep_id="bob")).status == "waiting"


@pytest.mark.parametrize(
    ("scale", "score", "satisfied"),
    [
        (2, 1, False), (2, 2, True), (5, 3, False), (5, 4, True), (7, 5, False), (7, 6, True), (10, 8, False),
        (10, "8.9", False), (10, 9, True), (100, 100, None),
    ],
)  # fmt: skip
def test_satisfied_is_at_or_above_the_threshold_of_the_scale(scale: int, score: Any, satisfied: bool | None) -> None:
    found = fact(said("survey.answered", "2026-02-01", score=score, scale_max=scale, credits=[]))
    assert (found.satisfied, found.score, found.rep_id) == (satisfied, Decimal(score), None)


def test_an_answer_is_a_fact_of_each_rep_and_the_latest_answer_stands() -> None:
    credits = [{"rep_id": "ann", "share": "0.5"}, {"rep_id": "bob", "share": "0.5"}]
    credits += [{"rep_id": "cy", "share": "1", "overlay": True}]
    first = said("survey.answered", "2026-02-01", "1", score=5, credits=[])
    found = stands(first, said("survey.answered", "2026-02-03", "2", score=1, credits=credits)).facts
    assert [(f.rep_id, f.score, f.day.day) for f in found] == [("ann", 1, 3), ("bob", 1, 3)]


def test_a_day_that_is_due_lasts_to_its_end_and_the_latest_schedule_holds() -> None:
    first = said("followup.scheduled", "2026-02-01", rep_id="ann", due_at="2026-02-05")
    found = fact(first, said("followup.scheduled", "2026-02-02", rep_id="ann", due_at="2026-03-08"))
    # the night in which New York's clocks went forward ended the day at 04:00 UTC
    assert (found.due_at.isoformat(), found.due_day) == ("2026-03-09T03:59:59.999999+00:00", dt.date(2026, 3, 8))
    instant = said("followup.scheduled", "2026-02-02", rep_id="ann", due_at="2026-02-09T04:30:00Z")
    assert (fact(instant).due_day, fact(instant).due_at.hour) == (dt.date(2026, 2, 8), 4)


def test_a_followup_is_done_by_its_earliest_completed_and_a_cancelled_one_stays_so() -> None:
    due = said("followup.scheduled", "2026-02-01", rep_id="ann", due_at="2026-02-05")
    done = [said("followup.completed", f"2026-02-0{d}", rep_id="ann", outcome=f"{d}") for d in (6, 4)]
    found = fact(due, *done)
    assert (found.status, found.completed_day, found.outcome) == ("completed", dt.date(2026, 2, 4), "6")
    assert found.completed_at < found.due_at
    assert fact(due, done[0], said("followup.cancelled", "2026-02-03", rep_id="ann")).status == "cancelled"
    assert stands(*done).status == "waiting"


def test_what_is_known_by_its_business_date_alone_happened_as_that_day_began() -> None:
    due = said("followup.scheduled", "2026-02-01", rep_id="ann", due_at="2026-02-05")
    late = said("followup.completed", "2026-02-09", rep_id="ann", business_date="2026-02-05")
    assert (fact(due, late).completed_at.isoformat(), fact(due, late).completed_day.day) == (
        "2026-02-05T05:00:00+00:00",
        5,
    )


PLACED = said(
    "order.placed",
    "2026-02-01",
    amount="90",
    currency="USD",
    customer_id="c",
    territory="north",
    opportunity_id="opp",
    attributes={"channel": "web"},
    credits=[{"rep_id": "ann", "amount": "30"}, {"rep_id": "bob", "amount": "60"}],
    lines=[
        {"product": "bike", "category": "wheels", "quantity": "1", "amount": "80", "cost": "50", "discount": "5"},
        {"product": "bell", "amount": "10"},
    ],
)


def numbers(*events: Event, over: str, field: str = "amount") -> list[tuple[str, str | None, Any]]:
    return [(f.entry, f.rep_id, getattr(f, field)) for f in stands(*events).facts if f.kind == over]


def test_lines_are_shared_as_the_order_is_and_sum_to_themselves() -> None:
    assert numbers(PLACED, over="order") == [("order", "ann", 30), ("order", "bob", 60)]
    found = [f for f in stands(PLACED).facts if f.kind == "order_line"]
    third = Decimal("26.6666666667")
    assert [(f.entry, f.rep_id, f.amount) for f in found[:2]] == [
        ("order line 0", "ann", third),
        ("order line 0", "bob", 80 - third),
    ]
    for field, whole in (("amount", 90), ("cost", 50), ("quantity", 1), ("discount", 5), ("margin", 30)):
        assert sum(getattr(f, field) or 0 for f in found) == whole
    assert [f.margin for f in found[2:]] == [None, None]


def test_payments_follow_the_credits_on_their_own_day_and_wait_for_the_order() -> None:
    paid = said(
        "payment.received", "2026-02-10", payment_id="p", amount="45", currency="USD", attributes={"by": "card"}
    )
    again = said("payment.received", "2026-02-11", payment_id="p", amount="1", currency="USD")
    back = said("payment.reversed", "2026-02-12", payment_id="p", amount="9", currency="USD", invoice_id="i")
    assert stands(paid) == Standing("waiting", [])
    found = [f for f in stands(PLACED, paid, again, back).facts if f.kind == "payment"]
    assert [(f.entry_kind, f.rep_id, f.amount, f.day.day, f.order_day.day) for f in found] == [
        ("payment", "ann", 15, 10, 1),
        ("payment", "bob", 30, 10, 1),
        ("reversal", "ann", -3, 12, 1),
        ("reversal", "bob", -6, 12, 1),
    ]
    assert found[0].attributes == {"channel": "web", "by": "card"}
    assert stands(PLACED, paid, said("order.cancelled", "2026-02-20")) == Standing("cancelled", [])


def test_a_refund_takes_away_the_lines_that_it_names_cut_with_it() -> None:
    refunded = said("order.refunded", "2026-02-05", refund_id="r", lines=[{"product": "bike", "amount": "80"}])
    more = said("order.refunded", "2026-02-06", refund_id="s", lines=[{"product": "bell", "amount": "20"}])
    found = stands(PLACED, refunded, more)
    assert found.excess == 10
    taken = [f for f in found.facts if f.kind == "order_line" and f.entry_kind == "refund"]
    assert sum(f.amount for f in taken if f.product == "bike") == -80
    assert sum(f.amount for f in taken if f.product == "bell") == -10
    orders = [f for f in found.facts if f.kind == "order"]
    assert sum(f.amount for f in orders) == 0
    assert sum(f.refund_amount or 0 for f in orders) == sum(f.gross_amount or 0 for f in orders) == 90


def test_a_credit_note_takes_away_on_its_day_by_its_own_credits_and_needs_no_order() -> None:
    note = {
        "amount": "12",
        "currency": "USD",
        "credits": [{"rep_id": "ann", "share": "0.25"}, {"rep_id": "bob", "share": "0.75"}],
    }
    first = said("credit_note.issued", "2026-02-03", "1", **note | {"amount": "99"})
    second = said("credit_note.issued", "2026-02-04", "2", **note | {"lines": [{"product": "bike", "amount": "4"}]})
    assert numbers(first, second, over="order") == [("credit_note", "ann", -3), ("credit_note", "bob", -9)]
    assert numbers(first, second, over="order_line") == [
        ("credit_note line 0", "ann", -1),
        ("credit_note line 0", "bob", -3),
    ]
    assert {f.day.day for f in stands(first, second).facts} == {4}
