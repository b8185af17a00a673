"""Hand-made cases: lines of commission and bonus; P numbers are the printed examples of others."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import pytest

from tests.oracle import history, incentives, numbers
from tests.oracle.cases import ZONE, event, one, placed
from tests.oracle.incentives import Band, Component, Line, Parameters, Target, WalkedCredit

WINDOW = dt.date(2024, 1, 1), dt.date(2024, 4, 1)


def walked(component: Component, quota: str, *amounts: str, **parameters: str) -> list[Line]:
    """The lines of a payee whose orders have these amounts, one a day."""
    credits = [
        WalkedCredit("a", dt.date(2024, 1, 1 + i), f"o{i}", 0, Fraction(amount), False)
        for i, amount in enumerate(amounts)
    ]
    items = [{"payee_id": "a", "name": k, "value": v, "valid_from": "2000-01-01"} for k, v in parameters.items()]
    return incentives.walk(component, Target("a", WINDOW, Fraction(quota)), credits, Parameters(items))


def paid(lines: list[Line]) -> list[str]:
    return [numbers.cents(line.amount) for line in lines]


def banded(kind: str, *bands: tuple[str | None, str], lower_inclusive: bool = True) -> Component:
    made = tuple(Band(None if up_to is None else Fraction(up_to), Fraction(rate)) for up_to, rate in bands)
    return Component("plan", "c", kind, "rate", made, lower_inclusive)


class TestIncentives:
    def test_flat_lines_add_up_to_the_exact_figure_rounded_once(self) -> None:
        component = Component("plan", "c", "flat", "rate")
        assert paid(walked(component, "1", "0.5", "0.5", "0.5", rate="0.01")) == ["0.01", "0.00", "0.01"]

    def test_marginal_tiers_on_attainment_pay_the_same_however_many_sales(self) -> None:  # P6
        tiers = banded("marginal", ("0.75", "5"), ("1", "10"), (None, "15"))
        assert paid(walked(tiers, "1000", "500", "500", rate="0.01")) == ["25.00", "37.50"]
        assert paid(walked(tiers, "1000", "1000", rate="0.01")) == ["62.50"]

    def test_step_and_straight(self) -> None:  # P7
        bands = (("1", "3"), (None, "5"))
        assert paid(walked(banded("marginal", *bands), "100000", "104000", rate="0.01")) == ["3200.00"]
        assert paid(walked(banded("whole_amount", *bands), "100000", "104000", rate="0.01")) == ["5200.00"]

    @pytest.mark.parametrize(("lower_inclusive", "pay"), [(True, "37500.00"), (False, "26250.00")])
    def test_a_bound_belongs_to_one_side(self, lower_inclusive: bool, pay: str) -> None:  # P16
        tiers = banded("whole_amount", ("1", "1.75"), (None, "2.5"), lower_inclusive=lower_inclusive)
        assert paid(walked(tiers, "1500000", "1500000", rate="0.01")) == [pay]

    def test_whole_amount_takes_what_was_earned_before_along(self) -> None:
        tiers = banded("whole_amount", ("1", "1"), (None, "2"))
        assert paid(walked(tiers, "100", "60", "60", rate="0.1")) == ["6.00", "18.00"]

    @pytest.mark.parametrize(("sold", "pay"), [("99.99", []), ("100", ["500.00"])])
    def test_bonus_when_the_target_is_met(self, sold: str, pay: list[str]) -> None:
        assert paid(walked(Component("plan", "c", "bonus", "bonus"), "100", sold, bonus="500")) == pay

    def test_a_refund_re_rates_the_window_of_its_order(self) -> None:
        events = [placed(time="2024-01-05"), event("refunded", "r", "2024-08-01", amount="40")]
        book = history.read(events, ZONE)
        items = [{"kpi": "sales_amount", "subject_kind": "rep", "subject": "a", "value": "100"}]
        items[0] |= {"from": "2024-01-01", "to": "2024-04-01"}
        rates = Parameters([{"payee_id": "a", "name": "rate", "value": "0.1", "valid_from": "2000-01-01"}])
        found = incentives.lines(book, items, rates, [Component("plan", "c", "flat", "rate")])
        assert incentives.nets(found) == {("a", "plan", "c", WINDOW): 6}

    @pytest.mark.parametrize(
        ("credits", "pay"), [("all", ["10.00", "5.00"]), ("direct", ["10.00"]), ("overlay", ["5.00"])]
    )
    def test_overlay_credits_earn_too_unless_the_component_leaves_them_out(self, credits: str, pay: list[str]) -> None:
        specialist = {"rep_id": "a", "share": "0.5", "overlay": True}
        book = history.read([placed(time="2024-01-05", credits=[*one("a"), specialist])], ZONE)
        items = [{"kpi": "sales_amount", "subject_kind": "rep", "subject": "a", "value": "100"}]
        items[0] |= {"from": "2024-01-01", "to": "2024-04-01"}
        rates = Parameters([{"payee_id": "a", "name": "rate", "value": "0.1", "valid_from": "2000-01-01"}])
        found = incentives.lines(book, items, rates, [Component("plan", "c", "flat", "rate", credits=credits)])
        assert paid(found) == pay

    def test_parameters_are_dated(self) -> None:
        rates = Parameters(
            [
                {"payee_id": "a", "name": "rate", "value": "0.1", "valid_from": "2024-01-01", "valid_to": "2024-02-01"},
                {"payee_id": "a", "name": "rate", "value": "0.2", "valid_from": "2024-02-01"},
            ]
        )
        days = [dt.date(2023, 12, 31), dt.date(2024, 1, 31), dt.date(2024, 2, 1)]
        assert [rates.of("a", "rate", day) for day in days] == [0, Fraction("0.1"), Fraction("0.2")]
