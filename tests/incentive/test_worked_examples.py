"""Numbers that other people printed or asserted (worked-examples, commission_cases), as plans that are data.

Each case: a name; the components as JSON; what is known of the payee; then the orders, ``→`` and the lines in minor
units as decimals (component by component, a component's lines in walking order, its award last).
"""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from services.incentive.domain.numbers import show_minor
from services.incentive.domain.plans import PlanRefused
from tests.incentive.desk import Desk

ON_ATTAINMENT = {"kpi": "sales_amount", "without_target": "zero"}
MONEY = {"currency": "USD"}

CASES = """
P1 OCA: 5 %, plus 10 % of that commission
  commission {"rate": "0.05"}
  commission {"rate": {"multiply": ["0.05", "0.10"]}}
  750.00 → 37.50 | 3.75
  - → - | -

OCA 16.0: flat 20 %, invoice of 5 less a refund of 3; then a new invoice of 3 instead
  commission {"rate": "0.2"}
  2.00 → 0.40
  3.00 → 0.60

P2 ERPNext: rates of 0, 10 and 100 % on what is eligible, 500
  commission {"rate": "0"}
  commission {"rate": "0.1"}
  commission {"rate": "1"}
  500 → 0.00 | 50.00 | 500.00

P5 referello: marginal tiers, 10 % to 10,000, then 20 %
  commission {"bounds": "lower_inclusive", "currency": "USD", "tiers": [
    {"from": "0", "to": "10000", "mode": "marginal", "rate": "0.10"},
    {"from": "10000", "mode": "marginal", "rate": "0.20"}]}
  15000 → 2000.00
  9000 6000 → 900.00 1100.00

P6 Oracle: marginal tiers on attainment, quota 1,000; same total, same pay
  target 1000
  attainment_commission {"bounds": "lower_inclusive", "tiers": [
    {"from": "0", "to": "0.75", "mode": "marginal", "rate": "0.05"},
    {"from": "0.75", "to": "1", "mode": "marginal", "rate": "0.10"},
    {"from": "1", "mode": "marginal", "rate": "0.15"}]}
  500 500 → 25.00 37.50
  1000 → 62.50

P7 SAP: quota 100,000; 3 % below, 5 % above; step and straight
  target 100000
  attainment_commission {"bounds": "lower_inclusive", "tiers": [
    {"from": "0", "to": "1", "mode": "marginal", "rate": "0.03"},
    {"from": "1", "mode": "marginal", "rate": "0.05"}]}
  attainment_commission {"bounds": "lower_inclusive", "tiers": [
    {"from": "0", "to": "1", "mode": "whole_amount", "rate": "0.03"},
    {"from": "1", "mode": "whole_amount", "rate": "0.05"}]}
  104000 → 3200.00 | 5200.00

P8 revopsmasters: target pay 100,000 at quota 500,000, decelerator for the whole amount below 50 %, accelerators above
  target 500000
  parameter target_pay 100000
  attainment_commission {"bounds": "lower_inclusive", "without_parameter": "zero", "tiers": [
    {"from": "0", "to": "0.5", "mode": "whole_amount",
     "rate": {"divide": [{"multiply": ["${target_pay}", "0.5"]}, "${target}"]}},
    {"from": "0.5", "to": "1", "mode": "whole_amount", "rate": {"divide": ["${target_pay}", "${target}"]}},
    {"from": "1", "to": "1.3", "mode": "marginal",
     "rate": {"divide": [{"multiply": ["${target_pay}", "1.5"]}, "${target}"]}},
    {"from": "1.3", "mode": "marginal", "rate": {"divide": [{"multiply": ["${target_pay}", "2"]}, "${target}"]}}]}
  650000 → 145000.00
  200000 → 20000.00
  700000 → 165000.00
  200000 200000 300000 → 20000.00 60000.00 85000.00

P16 Oracle support, Aptify: exactly 1,500,000 belongs to one side, by the plan's choice
  commission {"bounds": "lower_inclusive", "currency": "USD", "tiers": [
    {"from": "0", "to": "1500000", "mode": "whole_amount", "rate": "0.0175"},
    {"from": "1500000", "mode": "whole_amount", "rate": "0.025"}]}
  commission {"bounds": "upper_inclusive", "currency": "USD", "tiers": [
    {"from": "0", "to": "1500000", "mode": "whole_amount", "rate": "0.0175"},
    {"from": "1500000", "mode": "whole_amount", "rate": "0.025"}]}
  1500000 → 37500.00 | 26250.00

OCA 17.0 calculate_section: the one section that holds the base, both ends included; outside of all nothing
  commission {"bounds": "both_inclusive", "between_tiers": "zero", "currency": "USD", "tiers": [
    {"from": "15000", "to": "16000", "mode": "whole_amount", "rate": "0.20"}]}
  commission {"bounds": "both_inclusive", "between_tiers": "zero", "currency": "USD", "tiers": [
    {"from": "1", "to": "100", "mode": "whole_amount", "rate": "0.10"}]}
  15100 → 3020.00 | 0.00
  5 → 0.00 | 0.50
  100 → 0.00 | 10.00
  100.5 → 0.00 | 0.00

Lago: graduated percentage, and a flat amount per tier entered
  commission {"bounds": "upper_inclusive", "between_tiers": "next", "currency": "USD", "tiers": [
    {"from": "0", "to": "10", "mode": "marginal", "rate": "0.01", "flat": "200"},
    {"from": "11", "to": "20", "mode": "marginal", "rate": "0.02", "flat": "300"},
    {"from": "21", "mode": "marginal", "rate": "0.03", "flat": "400"}]}
  0 → 200.00
  1 → 200.01
  10 → 200.10
  11 → 500.12
  12 → 500.14
  21 → 900.33

Lago: graduated per unit (a unit is 100.00 here, so that 10 a unit is 10 %), and a flat amount per tier entered
  commission {"bounds": "upper_inclusive", "between_tiers": "next", "currency": "USD", "tiers": [
    {"from": "0", "to": "1000", "mode": "marginal", "rate": "0.10", "flat": "2"},
    {"from": "1100", "to": "2000", "mode": "marginal", "rate": "0.05", "flat": "3"},
    {"from": "2100", "mode": "marginal", "rate": "0.05", "flat": "3"}]}
  0 → 2.00
  100 → 12.00
  1000 → 102.00
  1100 → 110.00
  1200 → 115.00
  2100 → 163.00

Lago: decimal adjacent ranges (a unit is 100.00)
  commission {"bounds": "upper_inclusive", "currency": "USD", "tiers": [
    {"from": "0", "to": "10", "mode": "marginal", "rate": "0.10"},
    {"from": "10", "to": "100", "mode": "marginal", "rate": "0.05"},
    {"from": "100", "mode": "marginal", "rate": "0.02"}]}
  5 → 0.50
  50 → 3.00

Lago: volume, the whole amount at the rate of the tier reached (a unit is 100.00)
  commission {"bounds": "upper_inclusive", "between_tiers": "next", "currency": "USD", "tiers": [
    {"from": "0", "to": "10000", "mode": "whole_amount", "rate": "0.02", "flat": "10"},
    {"from": "10100", "to": "20000", "mode": "whole_amount", "rate": "0.01"},
    {"from": "20100", "mode": "whole_amount", "rate": "0.005", "flat": "50"}]}
  0 → 10.00
  100 → 12.00
  10000 → 210.00
  10050 → 100.50
  10100 → 101.00
  20000 → 200.00
  30000 → 200.00

Bonus: once, with the order that reaches the target exactly; above and below
  target 1000
  parameter bonus 75
  bonus {"amount": "${bonus}", "without_parameter": "zero", "on_reversal": "re-test", "currency": "USD"}
  bonus {"amount": "500", "at": "1.2", "on_reversal": "keep", "currency": "USD"}
  999.9999 → - | -
  400 600 → 75.00 | -
  1200 → 75.00 | 500.00

Reference (AdventureWorks, rep 280 of 2011-05-31): 1 % to quota, half as much again above
  target 165000
  parameter commission_rate 0.01
  commission {"rate": "${commission_rate}", "without_parameter": "zero"}
  attainment_commission {"bounds": "lower_inclusive", "without_parameter": "zero", "tiers": [
    {"from": "0", "to": "1", "mode": "marginal", "rate": "${commission_rate}"},
    {"from": "1", "mode": "marginal", "rate": {"multiply": ["${commission_rate}", "1.5"]}}]}
  191328.4939 → 1913.28 | 2044.93
"""


def cases() -> list[pytest.param]:  # type: ignore[valid-type]
    return [pytest.param(case, id=case.splitlines()[0][:60]) for case in CASES.strip().split("\n\n")]


@pytest.mark.parametrize("case", cases())
def test_a_plan_gives_the_number_that_others_printed(case: str) -> None:
    desk, components, sums = Desk(), [], []
    for line in joined(case.splitlines()[1:]):
        match line.split(maxsplit=1):
            case ["target", value]:
                desk.target(value)
            case ["parameter", rest]:
                desk.parameter(*rest.split())
            case [("commission" | "attainment_commission" | "bonus") as kind, document]:
                words = ON_ATTAINMENT if kind != "commission" else {}
                components.append(desk.component(f"c{len(components)}", kind, **words, **json.loads(document)))
            case _:
                sums.append(line)
    plan = desk.plan(*components)
    for text in sums:
        orders, _, wanted = (part.strip() for part in text.partition("→"))
        earned = desk.lines(plan, desk.credits(() if orders == "-" else orders.split()))
        shown = [
            " ".join(show_minor(x.amount_minor, "USD") for x in earned if x.component == c["key"]) or "-"
            for c in components
        ]
        assert " | ".join(shown) == wanted, orders


def joined(lines: list[str]) -> list[str]:
    """A component's document may go on over indented lines."""
    found: list[str] = []
    for line in lines:
        if line.startswith("    "):
            found[-1] += " " + line.strip()
        else:
            found.append(line.strip())
    return found


def test_p3_a_split_credits_each_with_their_share_and_the_variance_is_left(desk: Desk) -> None:
    """ERPNext: 20 units split 50/50, targets of 50 units each → achieved 10, variance −40."""
    desk.target(50)
    rule = desk.component(
        kind="attainment_commission",
        bounds="lower_inclusive",
        tiers=[{"from": "0", "mode": "marginal", "rate": "0.1"}],
        **ON_ATTAINMENT,
    )
    (line,) = desk.lines(desk.plan(rule), [desk.credit(Fraction(20) * Fraction("0.5"))])
    assert line.trace.given.target is not None
    achieved = Fraction(line.trace.given.measure_after)
    assert (achieved, achieved - Fraction(line.trace.given.target.value)) == (10, -40)


@pytest.mark.parametrize("rate", ["1.01", "-0.01"])
def test_p2_rates_of_101_and_minus_1_percent_are_refused(desk: Desk, rate: str) -> None:
    with pytest.raises(PlanRefused) as refused:
        desk.plan(desk.component(rate=rate))
    assert [fault.pointer for fault in refused.value.faults] == ["/components/0/rate"]


def test_oca_multi_currency_never_mixes_currencies(desk: Desk) -> None:
    earned = desk.lines(
        desk.plan(desk.component(rate="0.1")), [desk.credit(100, order="a"), desk.credit(7, order="b", currency="JPY")]
    )
    assert {(x.currency, show_minor(x.amount_minor, x.currency)) for x in earned} == {("USD", "10.00"), ("JPY", "1")}


def test_oca_wrong_section_is_refused(desk: Desk) -> None:
    tiers = [{"from": "5", "to": "1", "mode": "whole_amount", "rate": "0.1"}]
    with pytest.raises(PlanRefused) as refused:
        desk.plan(desk.component(bounds="both_inclusive", between_tiers="zero", tiers=tiers, **MONEY))
    assert [(f.pointer, f.code) for f in refused.value.faults] == [("/components/0/tiers/0/to", "empty-interval")]
