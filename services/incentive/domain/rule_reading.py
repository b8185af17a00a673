"""From documents to formulas and tables of tiers: rates within bounds, no overlap, no gap that nobody declared."""

from __future__ import annotations

import re
from fractions import Fraction

from services.incentive.domain.document import Faults, Node, Path, decimal
from services.incentive.domain.formulas import TARGET, Formula, number
from services.incentive.domain.plans import Table, Tier

TIERS_MAX = 50
OPERANDS_MAX = 8
DEPTH_MAX = 4
_NAME = re.compile(r"\$\{([a-z][a-z0-9_]{0,63})\}")
_ZERO = number(Fraction(0))


def flat_rate(rate: Formula) -> Table:
    """One rate for everything, as a table."""
    return Table((Tier(Fraction(0), None, "marginal", rate),), "lower_inclusive", "refuse")


def read_formula(value: object, path: Path, faults: Faults, *, rate: bool, depth: int = 1) -> Formula:
    """A number, ``"${name}"``, ``{"multiply": […]}`` or ``{"divide": [a, b]}``; a literal ``rate`` is 0 to 1."""
    if value is None:  # missing: said already
        return _ZERO
    if isinstance(value, dict):
        return _read_operation(value, path, faults, depth)
    if isinstance(value, str) and (found := _NAME.fullmatch(value)):
        return Formula("name", name=found[1])
    constant = decimal(value, path, faults)
    if rate and constant is not None and constant > 1:
        faults.add(path, "out-of-range", "a rate is from 0 to 1: 5 % is written 0.05")
    return number(constant or Fraction(0))


def _read_operation(value: dict[str, object], path: Path, faults: Faults, depth: int) -> Formula:
    operator = next(iter(value), "")
    operands = value.get(operator)
    if len(value) != 1 or operator not in ("multiply", "divide") or not isinstance(operands, list):
        faults.add(
            path, "not-a-formula", 'this must be a number, "${parameter}", {"multiply": [...]} or {"divide": [a, b]}'
        )
        return _ZERO
    wanted = range(2, 3 if operator == "divide" else OPERANDS_MAX + 1)
    if len(operands) not in wanted or depth >= DEPTH_MAX:
        faults.add(path, "not-a-formula", f"too few or too many operands, or deeper than {DEPTH_MAX}")
        return _ZERO
    parts = tuple(
        read_formula(item, (*path, operator, i), faults, rate=False, depth=depth + 1) for i, item in enumerate(operands)
    )
    if operator == "divide" and not _divides(parts[1]):
        faults.add((*path, operator, 1), "not-a-divisor", "divide by a number above 0 or by ${target}")
    return Formula("multiply" if operator == "multiply" else "divide", operands=parts)


def _divides(divisor: Formula) -> bool:
    return divisor.name == TARGET or divisor.number > 0


def read_tiers(node: Node, *, attained: bool) -> Table:
    """The tiers of a component and the words that go with them, refused where they overlap or leave a gap."""
    bounds = node.word("bounds", ("lower_inclusive", "upper_inclusive", "both_inclusive"), "whose a bound itself is")
    between = (
        node.word("between_tiers", ("refuse", "zero", "next"), "what a gap means")
        if node.has("between_tiers")
        else "refuse"
    )
    items = node.items("tiers", "the bands and their rates")
    if len(items) > TIERS_MAX:
        node.fault("tiers", "too-many", f"at most {TIERS_MAX} tiers")
    tiers = [_read_tier(Node(item, (*node.path, "tiers", i), node.faults)) for i, item in enumerate(items)]
    for index, tier in enumerate(tiers):
        _check_edges(node, bounds, between, tiers[index - 1] if index else None, tier, index)
    if tiers and tiers[-1].upper is not None and between != "zero":
        path = (*node.path, "tiers", len(tiers) - 1, "to")
        node.faults.add(
            path, "gap", "nothing is said above the last tier: leave its 'to' out, or say between_tiers: zero"
        )
    return Table(tuple(tiers), bounds, between)  # type: ignore[arg-type]  # words checked above


def _read_tier(node: Node) -> Tier:
    lower = node.decimal("from", "where the tier begins")
    upper = node.decimal("to", "where it ends") if node.has("to") else None
    mode = node.word("mode", ("marginal", "whole_amount"), "whether the rate holds for the part in the band or for all")
    rate = read_formula(node.get("rate", "what the tier pays"), (*node.path, "rate"), node.faults, rate=True)
    flat = node.decimal("flat", "an amount on entry") if node.has("flat") else Fraction(0)
    if lower is not None and upper is not None and upper <= lower:
        node.fault("to", "empty-interval", "'to' must be above 'from'")
    node.close()
    return Tier(lower or Fraction(0), upper, mode, rate, flat or Fraction(0))  # type: ignore[arg-type]


def _check_edges(node: Node, bounds: str, between: str, before: Tier | None, tier: Tier, index: int) -> None:
    path = (*node.path, "tiers", index, "from")
    edge = before.upper if before else Fraction(0)
    if edge is None:
        node.faults.add(path, "overlap", "the tier before has no end")
    elif tier.lower < edge or (before and tier.lower == edge and bounds == "both_inclusive"):
        node.faults.add(path, "overlap", "this tier begins inside the tier before")
    elif tier.lower > edge and between == "refuse":
        node.faults.add(
            path, "gap", "nothing is said between the tiers: say between_tiers: zero or next, or close the gap"
        )
