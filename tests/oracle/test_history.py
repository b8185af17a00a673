"""Hand-made cases: from events to orders, each sentence of the semantics with numbers to check in the head."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from itertools import permutations

import pytest

from tests.oracle import history, kpis, periods
from tests.oracle.cases import ALWAYS, ZONE, Event, amended, amounts, event, only, placed, sales, shared
from tests.oracle.directory import Directory


class TestIdentity:
    def test_a_resend_changes_nothing(self) -> None:  # K7
        first, second = placed("1", amount="10"), placed("2", amount="20", order_id="o2")
        resent = second | {"traceparent": "x", "time": "2024-03-05T13:00:00+01:00"}
        assert sales([first, second, resent]) == 30

    def test_a_conflict_is_never_applied_and_the_first_stands(self) -> None:
        first, other = placed(amount="10"), placed(amount="11")
        book = history.read([first, other], ZONE)
        assert (book.orders[0].amount, book.conflicts) == (10, [other])
        assert only([other, first]).amount == 11

    def test_the_same_pair_on_two_orders_counts_for_both(self) -> None:
        assert sales([placed("1"), placed("1", order_id="o2")]) == 200


class TestState:
    def test_highest_revision_then_latest_time_then_source_then_id(self) -> None:
        p = placed(amount="1")
        by_time = amended("x", "2024-03-07", "3")
        earlier = amended("y", "2024-03-06", "2")
        assert only([p, by_time, earlier]).amount == 3
        assert only([p, by_time, earlier | {"data": earlier["data"] | {"revision": 1}}]).amount == 2
        same_time = amended("z", "2024-03-07", "4")
        assert only([p, same_time, by_time]).amount == 4
        other_source = by_time | {"source": "/crm2", "id": "a"}
        assert only([p, same_time, other_source]).amount == 3

    def test_an_amendment_before_the_order_in_time_does_not_win(self) -> None:
        assert only([placed(time="2024-03-05", amount="1"), amended("x", "2024-03-04", "2")]).amount == 1

    def test_arrival_order_never_matters(self) -> None:
        events = [
            placed(amount="90"),
            amended("x", "2024-03-06", "80", business_date="2024-04-01"),
            amended("y", "2024-03-07", "70"),
            event("refunded", "r", "2024-05-01", amount="50"),
            event("refunded", "s", "2024-05-01", amount="50"),
        ]
        assert all(only(list(order)) == only(events) for order in permutations(events))

    def test_the_day_is_that_of_the_earliest_placed(self) -> None:
        late, early = placed("1", "2024-03-09"), placed("2", "2024-03-05")
        assert only([late, early]).day == dt.date(2024, 3, 5)
        assert only([early, amended("x", "2024-06-01", revision=9)]).day == dt.date(2024, 3, 5)

    def test_only_a_business_date_moves_the_day_the_highest_ranked_that_has_one(self) -> None:
        first = amended("x", "2024-03-06", business_date="2024-04-01")
        second = amended("y", "2024-03-07", business_date="2024-02-01")
        silent = amended("z", "2024-03-08")
        assert only([placed(), first, second, silent]).day == dt.date(2024, 2, 1)

    def test_an_instant_belongs_to_its_local_day_and_a_business_date_goes_before(self) -> None:
        assert only([placed(time="2024-03-05T23:30:00Z")]).day == dt.date(2024, 3, 6)
        assert only([placed(time="2024-07-05T22:00:00Z")]).day == dt.date(2024, 7, 6)
        assert only([placed(business_date="2024-01-31")]).day == dt.date(2024, 1, 31)

    @pytest.mark.parametrize(
        "early",
        [
            amended("x", "2024-03-05"),
            event("refunded", "x", "2024-03-05", amount="1"),
            event("cancelled", "x", "2024-03-05"),
        ],
    )
    def test_what_comes_before_its_order_waits(self, early: Event) -> None:
        book = history.read([early], ZONE)
        assert (book.orders, book.waiting) == ([], {"o1"})


class TestCancelledAndRefunded:
    def test_cancelling_takes_the_order_and_its_refunds_out_of_their_own_periods_for_good(self) -> None:
        events = [placed(), event("refunded", "r", "2024-04-01", amount="30")]
        assert sales(events) == 70
        assert sales([*events, event("cancelled", "c", "2024-05-01"), amended("x", "2024-06-01")]) == 0

    def test_a_refund_subtracts_on_its_own_day_and_the_count_stays(self) -> None:
        events = [placed(amount="100"), event("refunded", "r", "2024-04-01", amount="100")]
        facts = kpis.collect(history.read(events, ZONE), Directory([]))["rep", "a"]
        march, april = (periods.containing("month", dt.date(2024, m, 1)) for m in (3, 4))
        assert (facts.sales_amount(march), facts.sales_amount(april)) == (100, -100)
        assert (facts.order_count(march), facts.order_count(april)) == (1, 0)

    def test_refunds_are_cut_at_the_orders_amount_in_time_order_anew_at_each_change(self) -> None:
        late = event("refunded", "a", "2024-04-02", amount="80")
        early = event("refunded", "b", "2024-04-01", amount="50")
        refunds = only([placed(), late, early]).refunds
        assert [(r.amount, r.excess) for r in refunds] == [(50, 0), (50, 30)]
        refunds = only([placed(), late, early, amended("x", "2024-03-06", "60")]).refunds
        assert [(r.amount, r.excess) for r in refunds] == [(50, 0), (10, 70)]

    def test_a_refund_id_counts_once_its_earliest(self) -> None:
        first = event("refunded", "b", "2024-04-01", amount="5", refund_id="r1")
        again = event("refunded", "a", "2024-04-02", amount="9", refund_id="r1")
        nameless = event("refunded", "r1", "2024-04-03", amount="1")
        assert [r.amount for r in only([placed(), again, first, nameless]).refunds] == [5, 1]

    def test_a_refund_may_say_lines(self) -> None:
        lines = [{"amount": "2.5"}, {"amount": "0.5"}, {"product": "x"}]
        assert [r.amount for r in only([placed(), event("refunded", "r", "2024-04-01", lines=lines)]).refunds] == [3]

    def test_a_refund_follows_the_shares_exactly(self) -> None:
        events = [placed(credits=shared(("a", "0.3"), ("b", "0.7"))), event("refunded", "r", "2024-04-01", amount="10")]
        assert (sales(events), sales(events, subject="b")) == (27, 63)

    def test_a_refund_of_amounts_uses_the_largest_remainder_ties_by_rep(self) -> None:
        order = placed(amount="3", credits=amounts(("c", "1"), ("a", "1"), ("b", "1")))
        parts = only([order, event("refunded", "r", "2024-04-01", amount="1")]).refunds[0].credits
        assert {p.rep: p.amount for p in parts} == {
            "a": Fraction("0.3333333334"),
            "b": Fraction("0.3333333333"),
            "c": Fraction("0.3333333333"),
        }

    def test_a_refund_counts_for_the_subjects_of_the_orders_day(self) -> None:
        directory = Directory(
            [
                {"person_id": "a", "kind": "team", "of": "north", "valid_from": "2024-01-01", "valid_to": "2024-04-01"},
                {"person_id": "a", "kind": "team", "of": "south", "valid_from": "2024-04-01", "valid_to": None},
            ]
        )
        events = [placed(), event("refunded", "r", "2024-04-01", amount="30")]
        facts = kpis.collect(history.read(events, ZONE), directory)
        assert facts["team", "north"].sales_amount(ALWAYS) == 70
        assert ("team", "south") not in facts
