"""The plans that journeys pay by, as Merit is told them and, beside it, as the oracle knows them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.oracle.adventureworks import COMPONENTS as SAMPLE_COMPONENTS
from tests.oracle.incentives import Band, Component

WORDS = {
    "window": {"targets": "sales_amount"},
    "anchor": "booked",
    "reversal": "re_rate",
    "round": "cumulative",
    "without_target": "zero",
    "without_parameter": "zero",
}
"""What every component here says alike."""


def plan(*components: dict[str, Any]) -> dict[str, Any]:
    """A plan for everyone and all time."""
    everyone = {"everyone": True}
    return {"valid_from": "2000-01-01", "assigned_to": everyone, "components": [c | WORDS for c in components]}


def tier(since: str, mode: str, factor: str, until: str | None = None) -> dict[str, Any]:
    """A tier of attainment that pays the payee's rate so many times."""
    rate = {"multiply": [factor, "${commission_rate}"]}
    return {"from": since, "mode": mode, "rate": rate} | ({"to": until} if until else {})


COMMISSION = {"key": "commission", "kind": "commission", "basis": "amount", "rate": "${commission_rate}"}
BONUS = {"key": "bonus", "kind": "bonus", "kpi": "sales_amount", "amount": "${bonus}", "currency": "USD"}
ATTAINED = {"kind": "attainment_commission", "kpi": "sales_amount", "basis": "amount"}
ACCELERATED = {"key": "accelerated", "bounds": "lower_inclusive"} | ATTAINED
STEPPED = {"key": "stepped", "bounds": "upper_inclusive", "credits": "direct"} | ATTAINED
PLANS: dict[str, dict[str, Any]] = {
    "standard": plan(COMMISSION, BONUS | {"on_reversal": "re-test"}),
    "accelerator": plan(
        ACCELERATED | {"tiers": [tier("0", "marginal", "1", until="1"), tier("1", "marginal", "1.5")]},
    ),
    "steps": plan(
        STEPPED
        | {
            "tiers": [
                tier("0", "whole_amount", "1", until="0.5"),
                tier("0.5", "whole_amount", "2", until="1"),
                tier("1", "whole_amount", "3"),
            ]
        },
    ),
}
COMPONENTS = (
    *SAMPLE_COMPONENTS,
    Component(
        "steps",
        "stepped",
        "whole_amount",
        "commission_rate",
        (Band(Fraction(1, 2), Fraction(1)), Band(Fraction(1), Fraction(2)), Band(None, Fraction(3))),
        lower_inclusive=False,
        credits="direct",
    ),
)
