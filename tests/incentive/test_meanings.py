"""What the words of a plan mean where two readings are possible."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from fractions import Fraction

import pytest

from services.incentive.domain.facts import Payee
from services.incentive.domain.plans import Plan
from services.incentive.domain.settlement import reach
from services.incentive.domain.windows import Days
from tests.incentive.desk import YEAR, Desk, Document

ATTAINED = {"kpi": "sales_amount", "without_target": "zero", "bounds": "lower_inclusive"}


def minor(desk: Desk, plans: Plan | list[Plan], credits: list[object]) -> list[int]:
    return [line.amount_minor for line in desk.lines(plans, credits)]  # type: ignore[arg-type]


def bonus(desk: Desk, on_reversal: str) -> Document:
    words = {"kpi": "sales_amount", "without_target": "zero", "currency": "USD"}
    return desk.component(kind="bonus", amount="5", on_reversal=on_reversal, **words)


@pytest.mark.parametrize(("on_reversal", "left"), [("re-test", []), ("keep", [500])])
def test_a_bonus_is_tested_again_or_kept_when_orders_are_taken_back(
    desk: Desk, on_reversal: str, left: list[int]
) -> None:
    desk.target(100)
    plan = desk.plan(bonus(desk, on_reversal))
    assert minor(desk, plan, [desk.credit(100)]) == [500]
    assert minor(desk, plan, [desk.credit(40, gross=Fraction(100))]) == left
    assert minor(desk, plan, [desk.credit(100, cancelled=True)]) == left


def test_a_target_of_zero_is_no_target(desk: Desk) -> None:
    desk.target(0)
    tiers = [{"from": "0", "mode": "marginal", "rate": "0.1"}]
    plan = desk.plan(
        desk.component(kind="attainment_commission", tiers=tiers, **ATTAINED), bonus(desk, "keep") | {"key": "b"}
    )
    (line,) = desk.lines(plan, [desk.credit(100)])
    assert (line.amount_minor, line.trace.given.target, line.trace.walk_after) == (0, None, ())


@pytest.mark.parametrize(
    ("window", "currency", "kpi"),
    [
        (Days(dt.date(2026, 1, 1), dt.date(2026, 7, 1)), "USD", "sales_amount"),
        (YEAR, "EUR", "sales_amount"),
        (YEAR, "USD", "order_count"),
    ],
)
def test_a_target_counts_over_exactly_the_window_in_the_credits_currency_for_the_kpi(
    desk: Desk, window: Days, currency: str, kpi: str
) -> None:
    desk.target(100, window, kpi, currency)
    tiers = [{"from": "0", "mode": "marginal", "rate": "0.1"}]
    plan = desk.plan(desk.component(kind="attainment_commission", tiers=tiers, **ATTAINED))
    assert minor(desk, plan, [desk.credit(100)]) == [0]


def test_a_parameter_counts_as_of_each_credits_day_and_the_one_that_began_last(desk: Desk) -> None:
    desk.parameter("rate", "0.01")
    desk.parameter("rate", "0.02", "2026-03-02", "2026-03-03")
    plan = desk.plan(desk.component(rate="${rate}", without_parameter="zero"))
    assert minor(desk, plan, desk.credits([100, 100, 100])) == [100, 200, 100]


def test_a_day_without_a_value_of_the_parameter_earns_nothing_and_says_so(desk: Desk) -> None:
    desk.parameter("rate", "0.01", "2026-03-02")
    plan = desk.plan(desk.component(rate="${rate}", without_parameter="zero"))
    first, second = desk.lines(plan, desk.credits([100, 100]))
    assert (first.amount_minor, second.amount_minor) == (0, 100)
    assert first.trace.given.parameters[0].value is None


def test_a_whole_amount_tier_pays_each_part_at_its_own_days_rate(desk: Desk) -> None:
    desk.parameter("rate", "0.01", "2020-01-01", "2026-03-02")
    desk.parameter("rate", "0.02", "2026-03-02")
    tiers = [
        {"from": "0", "to": "150", "mode": "whole_amount", "rate": "${rate}"},
        {"from": "150", "mode": "whole_amount", "rate": {"multiply": ["${rate}", "2"]}},
    ]
    plan = desk.plan(desk.component(tiers=tiers, bounds="lower_inclusive", currency="USD", without_parameter="zero"))
    assert minor(desk, plan, desk.credits([100, 100])) == [100, 500]


def test_rounding_each_line_or_the_running_total(desk: Desk) -> None:
    plan = desk.plan(desk.component("total", rate="0.5"), desk.component("each", rate="0.5", round="each_line"))
    lines = desk.lines(plan, desk.credits(["0.01", "0.01", "0.01"]))
    assert [line.amount_minor for line in lines if line.component == "total"] == [1, 0, 1]
    assert [line.amount_minor for line in lines if line.component == "each"] == [1, 1, 1]


@pytest.mark.parametrize(("which", "counted"), [("all", ["o", "o"]), ("direct", ["o"]), ("overlay", ["o"])])
def test_which_credits_count(desk: Desk, which: str, counted: list[str]) -> None:
    plan = desk.plan(desk.component(rate="0.5", credits=which))
    both = [desk.credit(10, order="o"), desk.credit(4, order="o", overlay=True, credit_id="overlay/ann")]
    lines = desk.lines(plan, both)
    assert [line.order_id for line in lines] == counted
    assert sum(line.amount_minor for line in lines) == {"all": 700, "direct": 500, "overlay": 200}[which]


def test_each_credit_is_earned_by_the_version_of_its_day_and_the_measure_runs_through(desk: Desk) -> None:
    tiers = [
        {"from": "0", "to": "100", "mode": "marginal", "rate": "0.1"},
        {"from": "100", "mode": "marginal", "rate": "0.2"},
    ]
    words = {"bounds": "lower_inclusive", "currency": "USD"}
    old = desk.plan(desk.component(tiers=tiers, **words))
    higher = [tiers[0], {**tiers[1], "rate": "0.5"}]
    new = desk.plan(desk.component(tiers=higher, **words), version=2, valid_from="2026-03-02")
    credits = desk.credits([90, 20])
    assert minor(desk, old, credits) == [900, 300]
    assert minor(desk, [old, new], credits) == [900, 600]
    ids = [{line.line_id for line in desk.lines(plans, credits)} for plans in ([old], [old, new])]
    assert ids[0] == ids[1]


def test_a_version_replaces_all_before_it_from_its_first_day_on_and_where_it_ends_the_plan_ends(desk: Desk) -> None:
    rule = desk.component(rate="0.1")
    versions = [
        desk.plan(rule),
        desk.plan(rule, version=2, valid_from="2026-03-02", assigned_to={"people": ["bob"]}),
        desk.plan(desk.component(rate="0.2"), version=3, valid_from="2026-03-03", valid_to="2026-03-04"),
        desk.plan(desk.component(rate="0.3"), version=4, valid_from="2026-03-05"),
    ]
    lines = desk.lines(versions, desk.credits([1, 1, 1, 1, 1]))
    assert [(line.earned_on.day, line.plan_version, line.amount_minor) for line in lines] == [
        (1, 1, 10),
        (3, 3, 20),
        (5, 4, 30),
    ]


def test_a_plan_ends_and_its_windows_are_half_open(desk: Desk) -> None:
    plan = desk.plan(
        desk.component(rate="0.1", window={"boundaries": ["2026-03-01", "2026-03-03", "2026-03-04"]}),
        valid_to="2026-03-04",
    )
    credits = [desk.credit(1, f"2026-03-0{day}") for day in (2, 3, 4, 5)] + [desk.credit(1, "2026-02-28")]
    windows = [(line.earned_on.day, line.window.since.day, line.window.until.day) for line in desk.lines(plan, credits)]
    assert windows == [(2, 1, 3), (3, 3, 4)]


def test_assignment_by_role_team_as_dated_and_person(desk: Desk) -> None:
    desk.payee = Payee("ann", frozenset({"rep"}), (("north", Days(dt.date(2026, 3, 2), dt.date(2026, 3, 3))),))
    credits = desk.credits([1, 1, 1])
    for assigned, days in (
        ({"roles": ["rep"]}, [1, 2, 3]),
        ({"roles": ["manager"]}, []),
        ({"teams": ["north"]}, [2]),
        ({"people": ["ann"]}, [1, 2, 3]),
        ({"people": ["bob"], "teams": ["south", "north"]}, [2]),
    ):
        plan = desk.plan(desk.component(rate="1"), assigned_to=assigned)
        assert [line.earned_on.day for line in desk.lines(plan, credits)] == days, assigned


def test_targets_that_overlap_are_each_a_window(desk: Desk) -> None:
    desk.target(100, YEAR)
    desk.target(10, Days(dt.date(2026, 1, 1), dt.date(2026, 4, 1)))
    plan = desk.plan(bonus(desk, "keep") | {"window": {"targets": "sales_amount"}})
    assert minor(desk, plan, [desk.credit(50)]) == [500]
    assert minor(desk, plan, [desk.credit(100)]) == [500, 500]


def test_an_order_refunded_in_full_leaves_the_walk_with_its_flat_amount(desk: Desk) -> None:
    tiers = [{"from": "0", "mode": "marginal", "rate": "0.1", "flat": "2"}]
    plan = desk.plan(desk.component(tiers=tiers, bounds="lower_inclusive", currency="USD"))
    credit = desk.credit(10)
    assert minor(desk, plan, [credit]) == [300]
    assert minor(desk, plan, [replace(credit, amount=Fraction(0))]) == []


@pytest.mark.parametrize("mode", ["marginal", "whole_amount"])
def test_in_a_declared_gap_the_part_or_the_whole_earns_nothing(desk: Desk, mode: str) -> None:
    tiers = [{"from": "0", "to": "10", "mode": mode, "rate": "0.1"}, {"from": "20", "mode": mode, "rate": "0.2"}]
    words = {"bounds": "lower_inclusive", "between_tiers": "zero", "currency": "USD"}
    plan = desk.plan(desk.component(tiers=tiers, **words))
    wanted = {"marginal": [90, 10, 0, 200], "whole_amount": [90, -90, 0, 600]}[mode]
    assert minor(desk, plan, desk.credits([9, 6, 4, 11])) == wanted


def test_a_bonus_is_valued_as_of_the_windows_last_day(desk: Desk) -> None:
    desk.target(100)
    desk.parameter("bonus", "5", "2026-01-01", "2026-12-31")
    desk.parameter("bonus", "7", "2026-12-31")
    desk.parameter("bonus", "9", "2027-01-01")
    rule = bonus(desk, "keep") | {"amount": "${bonus}", "without_parameter": "zero"}
    assert minor(desk, desk.plan(rule), [desk.credit(100)]) == [700]


@pytest.mark.parametrize(
    "window", [{"targets": "sales_amount"}, {"boundaries": ["2026-01-01", "2027-01-01"]}, {"calendar": "year"}]
)
def test_a_touched_day_reaches_over_the_whole_window(desk: Desk, window: Document) -> None:
    desk.target(100)
    plan = desk.plan(desk.component(rate="0.1", window=window, without_target="zero"))
    march = Days(dt.date(2026, 3, 1), dt.date(2026, 3, 2))
    assert reach(desk.account, [plan], march) == YEAR
    outside = Days(dt.date(2024, 12, 31), dt.date(2025, 1, 1))
    assert not reach(desk.account, [plan], outside).meets(YEAR)
