"""Plans as documents: the sample's components, over calendar quarters and quotas."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
Q1 = ("2026-01-01", "2026-04-01")
WORDS = {"anchor": "booked", "reversal": "re_rate", "round": "cumulative", "without_target": "zero"}
ON_QUOTA = {"kpi": "sales_amount", "window": {"targets": "sales_amount"}, "without_parameter": "zero"}
COMMISSION = {
    "key": "commission",
    "kind": "commission",
    "basis": "amount",
    "window": {"calendar": "quarter"},
    "anchor": "booked",
    "reversal": "re_rate",
    "round": "cumulative",
    "rate": "${commission_rate}",
    "without_parameter": "zero",
}
BONUS = {
    "key": "bonus",
    "kind": "bonus",
    "amount": "${bonus}",
    "on_reversal": "re-test",
    "currency": "USD",
    **WORDS,
    **ON_QUOTA,
}
ACCELERATED = {
    "key": "accelerated",
    "kind": "attainment_commission",
    "basis": "amount",
    "bounds": "lower_inclusive",
    "tiers": [
        {"from": "0", "to": "1", "mode": "marginal", "rate": "${commission_rate}"},
        {"from": "1", "mode": "marginal", "rate": {"multiply": ["${commission_rate}", "1.5"]}},
    ],
    **WORDS,
    **ON_QUOTA,
}


def plan(*components: JSON, **more: Any) -> JSON:
    return {"valid_from": "2026-01-01", "assigned_to": {"everyone": True}, "components": list(components), **more}
