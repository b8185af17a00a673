"""From a component's document to a Component: its words, its windows, and whether they fit its kind."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from contracts.currencies import MINOR_DIGITS
from services.incentive.domain.document import Node, day
from services.incentive.domain.formulas import Formula, names
from services.incentive.domain.plans import Award, Component, Table, Windows
from services.incentive.domain.rule_reading import flat_rate, read_formula, read_tiers

KINDS = ("commission", "attainment_commission", "bonus")
MEASURED = ("sales_amount",)
"""The KPIs whose targets a payee's credits measure: credited money. A target of anything else is not met by them."""


def read_component(node: Node) -> Component:
    """Read one component; its faults go to the node's list."""
    kind = node.word("kind", KINDS, "what sort of rule it is")
    key = node.key("key", "its name, for ever part of what it pays")
    windows = _read_windows(
        Node(node.get("window", "over which days it measures"), (*node.path, "window"), node.faults)
    )
    kpi = node.word("kpi", MEASURED, "whose targets measure attainment") if kind != "commission" else None
    rule = _read_award(node) if kind == "bonus" else _read_table(node, attained=kind == "attainment_commission")
    if kind != "bonus":
        node.word("basis", ("amount",), "which part of the credit earns")
    node.word("anchor", ("booked",), "which day of the order counts")
    node.word("reversal", ("re_rate",), "what a cancel or a refund takes back")
    _refuse_silence(node, kpi, windows, rule)
    component = Component(
        key=key,
        kind=kind,  # type: ignore[arg-type]  # one of KINDS
        windows=windows,
        rule=rule,
        kpi=kpi,
        currency=_read_currency(node, kind, rule),
        credits=node.word("credits", ("all", "direct", "overlay"), "which credits") if node.has("credits") else "all",  # type: ignore[arg-type]
        round=node.word("round", ("cumulative", "each_line"), "what is rounded to the currency's smallest unit"),  # type: ignore[arg-type]
        other_currencies=_read_others(node),  # type: ignore[arg-type]
    )
    node.close()
    return component


def formulas_of(rule: Table | Award) -> list[Formula]:
    """Every formula in a rule."""
    return [rule.amount] if isinstance(rule, Award) else [tier.rate for tier in rule.tiers]


def _read_windows(node: Node) -> Windows:
    found = [name for name in ("calendar", "boundaries", "targets") if node.has(name)]
    if len(found) != 1:
        node.faults.add(
            node.path, "required", 'say one of {"calendar": "quarter"}, {"boundaries": [days]}, {"targets": kpi}'
        )
        return Windows("month")
    by = found[0]
    if by == "boundaries":
        return _read_boundaries(node)
    windows = (
        Windows(node.word("calendar", ("month", "quarter", "year"), "which calendar period"))  # type: ignore[arg-type]
        if by == "calendar"
        else Windows("targets", kpi=node.text("targets", "the windows of the payee's targets of this kpi"))
    )
    node.close()
    return windows


def _read_boundaries(node: Node) -> Windows:
    path = (*node.path, "boundaries")
    items = node.items("boundaries", "the days on which windows begin and end")
    days = [found for i, item in enumerate(items) if (found := day(item, (*path, i), node.faults))]
    if len(items) == 1:
        node.faults.add(path, "too-few", "two boundaries make the first window")
    for i, (earlier, later) in enumerate(pairwise(days)):
        if later <= earlier:
            node.faults.add((*path, i + 1), "not-ascending", "each boundary must be after the one before")
    node.close()
    return Windows("boundaries", tuple(days))


def _read_table(node: Node, *, attained: bool) -> Table:
    if attained or node.has("tiers"):
        if not attained and node.has("rate"):
            node.fault("rate", "not-both", "say rate or tiers")
        return read_tiers(node, attained=attained)
    return flat_rate(
        read_formula(node.get("rate", "the rate, or say tiers"), (*node.path, "rate"), node.faults, rate=True)
    )


def _read_award(node: Node) -> Award:
    amount = read_formula(node.get("amount", "what is paid"), (*node.path, "amount"), node.faults, rate=False)
    at = node.decimal("at", "the attainment that earns it, 1 = the target") if node.has("at") else Fraction(1)
    if at == 0:
        node.fault("at", "not-valid", "a bonus for nothing is no bonus: this must be above 0")
    keep = node.word("on_reversal", ("re-test", "keep"), "whether it is tested again when orders are taken back")
    return Award(amount, at or Fraction(1), keep)  # type: ignore[arg-type]


def _refuse_silence(node: Node, kpi: str | None, windows: Windows, rule: Table | Award) -> None:
    """Ask for the words that only some components need."""
    if kpi is not None or windows.by == "targets" or node.has("without_target"):
        node.word("without_target", ("zero",), "what is earned where the payee has no target, or a target of zero")
    used = {name for formula in formulas_of(rule) for name in names(formula)}
    if "target" in used and kpi is None:
        node.fault("rate", "no-target", "${target} has a meaning only where attainment is measured")
    if used - {"target"} or node.has("without_parameter"):
        node.word("without_parameter", ("zero",), "what is earned on days without a value of the payee's parameter")


def _read_currency(node: Node, kind: str, rule: Table | Award) -> str | None:
    """The currency that amounts in the rule are in; where it has none, None takes credits of any currency."""
    amounts = kind == "bonus" or (
        isinstance(rule, Table) and any(_has_money(kind, t.upper, t.flat) for t in rule.tiers)
    )
    if not amounts and not node.has("currency"):
        return None
    currency = node.text("currency", "the rule has amounts of money: in which currency?")
    if currency != "?" and currency not in MINOR_DIGITS:
        node.fault("currency", "not-valid", "this must be an ISO 4217 code, such as USD")
    return currency


def _read_others(node: Node) -> str:
    """What a component in the reporting currency does with credits in others."""
    if not node.has("other_currencies"):
        return "convert"
    if not node.has("currency"):
        node.fault("other_currencies", "not-both", "which are the others? say the component's currency")
    return node.word("other_currencies", ("convert", "leave_out"), "what happens to credits in other currencies")


def _has_money(kind: str, upper: Fraction | None, flat: Fraction) -> bool:
    return flat > 0 or (kind == "commission" and upper is not None)
