"""The walk: the credits of one (plan component, payee, window, currency) in order, and the line that each one earns.

Semantics §5: line = round(cumulative exact earning after the credit) − round(the same before it), half away from zero.
Each credit is earned by the plan version of its own day; the measure runs through from the window's first credit.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from services.incentive.domain.bands import Band, earning, pieces
from services.incentive.domain.component_reading import formulas_of
from services.incentive.domain.facts import Account, Cause, Credit, Parameter, Target
from services.incentive.domain.formulas import TARGET, names
from services.incentive.domain.ids import line_id
from services.incentive.domain.numbers import exponent_of, round_minor, show
from services.incentive.domain.plans import Award, Component, Kind, Table
from services.incentive.domain.tables_of_bands import bands_for, value
from services.incentive.domain.traces import (
    AwardShown,
    Given,
    PieceShown,
    Trace,
    line_minor,
    show_band,
    show_credit,
    show_parameter,
    show_piece,
    show_target,
)
from services.incentive.domain.windows import Days

Valued = dict[str, Parameter | None]
"""The payee parameters that hold on a day; None for one that the payee does not have."""


@dataclass(frozen=True, slots=True)
class Line:
    """What a payee earns by one credit (or, an award, by a whole window) under one component, and why."""

    line_id: str
    kind: Kind
    plan: str
    plan_version: int
    component: str
    payee_id: str
    window: Days
    currency: str
    order_id: str | None
    credit_id: str | None
    earned_on: dt.date
    amount_minor: int
    causes: tuple[Cause, ...]
    trace: Trace


@dataclass(frozen=True, slots=True)
class Step:
    """A credit with the rule that holds on its day."""

    credit: Credit
    plan_version: int
    component: Component


@dataclass(frozen=True, slots=True)
class Walk:
    """What walks together; ``steps`` in the order of their credits' places."""

    plan: str
    component: str
    window: Days
    currency: str
    steps: tuple[Step, ...]
    account: Account

    def lines(self) -> list[Line]:
        """Every line that this walk earns: a line per credit, and at most one for the window's award."""
        tabled = [step for step in self.steps if isinstance(step.component.rule, Table) and step.credit.stands]
        awarding = [step for step in self.steps if isinstance(step.component.rule, Award)]
        return _walk_tables(self, tabled) + _walk_awards(self, awarding)


def _walk_tables(walk: Walk, steps: Sequence[Step]) -> list[Line]:
    used = sorted({n for step in steps for f in formulas_of(step.component.rule) for n in names(f)} - {TARGET})
    found: list[Line] = []
    measure, total, before = Fraction(0), Fraction(0), _Way((), Fraction(0))
    eras: list[tuple[Fraction, Valued]] = []
    rule: _Rule | None = None
    for step in steps:
        valued = {name: walk.account.parameter(name, step.credit.day) for name in used}
        if not eras or eras[-1][1] != valued:
            eras, rule = [*eras, (measure, valued)], None
        if rule is None or rule.component is not step.component:
            rule = _rule(walk, step, eras)
            before = rule.way_to(measure) if found else before
        measure += step.credit.amount
        after = rule.way_to(measure)
        earned = total + after.earning - before.earning
        trace = _table_trace(step, rule, found[-1].trace if found else None, (before, after), (measure, total, earned))
        found.append(_line(walk, step, trace.line, trace, (step.credit.order_id, step.credit.credit_id)))
        total, before = earned, after
    return found


@dataclass(frozen=True, slots=True)
class _Way:
    """The pieces from 0 to a measure, and what they earn."""

    pieces: tuple[PieceShown, ...]
    earning: Fraction


@dataclass(frozen=True, slots=True)
class _Rule:
    """What credits earn by, and what of it every trace says; the same until a version or a parameter changes."""

    component: Component
    bands: Sequence[Band]
    starts: Sequence[Fraction]
    given: Mapping[str, Any]

    def way_to(self, measure: Fraction) -> _Way:
        walked = pieces(self.bands, self.starts, measure)
        return _Way(tuple(map(show_piece, walked)), earning(walked))


def _rule(walk: Walk, step: Step, eras: Sequence[tuple[Fraction, Valued]]) -> _Rule:
    target = walk.account.target(step.component.kpi, walk.window, walk.currency)
    bands, starts = _bands(step.component, target, [valued for _, valued in eras]), [start for start, _ in eras]
    shown = {"bands": tuple(map(show_band, bands)), "era_starts": tuple(map(show, starts))}
    return _Rule(step.component, bands, starts, _common(walk, step, target, eras[-1][1]) | shown)


def _table_trace(
    step: Step, rule: _Rule, last: Trace | None, way: tuple[_Way, _Way], reached: tuple[Fraction, Fraction, Fraction]
) -> Trace:
    """``last``: of the credit before; ``way``: to there and to here; ``reached``: the measure, earned before, after."""
    measure, total, earned = reached
    exponent: int = rule.given["exponent"]
    given = Given(
        **rule.given,
        credit=show_credit(step.credit),
        causes=step.credit.causes,
        first=last is None,
        measure_before=last.given.measure_after if last else "0",
        measure_after=show(measure),
        earned_before=last.earned_after if last else "0",
    )
    return Trace(
        given=given,
        walk_before=way[0].pieces,
        walk_after=way[1].pieces,
        earned_after=show(earned),
        rounded_before=last.rounded_after if last else 0,
        rounded_after=round_minor(earned, exponent),
        line=line_minor(total, earned, exponent, step.component.round),
    )


def _bands(component: Component, target: Target | None, eras: Sequence[Valued]) -> list[Band]:
    """The component's bands; none where attainment has no target to be measured on."""
    assert isinstance(component.rule, Table)
    attained = component.kind == "attainment_commission"
    if attained and target is None:
        return []
    values = [_values(valued, target) for valued in eras]
    return bands_for(component.rule, target.value if attained and target else Fraction(1), values)


def _values(valued: Valued, target: Target | None) -> dict[str, Fraction]:
    values = {name: found.value for name, found in valued.items() if found}
    return values | ({TARGET: target.value} if target else {})


def _walk_awards(walk: Walk, steps: Sequence[Step]) -> list[Line]:
    """The award of the window: by the first credit with which attainment reaches the mark, if one does."""
    left, gross = Fraction(0), Fraction(0)
    for step in steps:
        assert isinstance(step.component.rule, Award)
        before = gross if step.component.rule.on_reversal == "keep" else left
        left += step.credit.amount if step.credit.stands else 0
        gross += step.credit.gross
        after = gross if step.component.rule.on_reversal == "keep" else left
        target = walk.account.target(step.component.kpi, walk.window, walk.currency)
        if target and before < step.component.rule.at * target.value <= after:
            return [_award_line(walk, step, step.component.rule, target, before, after)]
    return []


def _award_line(walk: Walk, step: Step, award: Award, target: Target, before: Fraction, after: Fraction) -> Line:
    """The award's amount is valued as of the window's last day, so that it does not hang on which credit crosses."""
    last_day = walk.window.until - dt.timedelta(days=1)
    valued = {name: walk.account.parameter(name, last_day) for name in sorted(set(names(award.amount)) - {TARGET})}
    exact = value(award.amount, _values(valued, target))
    amount = round_minor(exact, exponent_of(walk.currency))
    shown = AwardShown(show(exact), show(award.at), show(award.at * target.value), award.on_reversal)
    given = Given(
        **_common(walk, step, target, valued),
        credit=show_credit(step.credit),
        causes=step.credit.causes,
        first=before == 0,
        measure_before=show(before),
        measure_after=show(after),
        award=shown,
    )
    trace = Trace(given, (), (), show(exact), 0, amount, amount)
    return _line(walk, step, amount, trace, ())


def _common(walk: Walk, step: Step, target: Target | None, valued: Valued) -> dict[str, Any]:
    """What a trace says that is not of one credit."""
    return {
        "kind": step.component.kind,
        "plan": walk.plan,
        "plan_version": step.plan_version,
        "component": walk.component,
        "payee_id": walk.account.payee.payee_id,
        "window_from": walk.window.since,
        "window_to": walk.window.until,
        "currency": walk.currency,
        "exponent": exponent_of(walk.currency),
        "round": step.component.round,
        "target": show_target(target),
        "parameters": tuple(show_parameter(name, found) for name, found in valued.items()),
    }


def _line(walk: Walk, step: Step, amount: int, trace: Trace, credit: tuple[str, ...]) -> Line:
    payee_id, window = walk.account.payee.payee_id, (walk.window.since.isoformat(), walk.window.until.isoformat())
    return Line(
        line_id=line_id(walk.plan, walk.component, payee_id, window, walk.currency, credit),
        kind=step.component.kind,
        plan=walk.plan,
        plan_version=step.plan_version,
        component=walk.component,
        payee_id=payee_id,
        window=walk.window,
        currency=walk.currency,
        order_id=credit[0] if credit else None,
        credit_id=credit[1] if credit else None,
        earned_on=step.credit.day,
        amount_minor=amount,
        causes=step.credit.causes,
        trace=trace,
    )
