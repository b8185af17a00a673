"""What a payee has earned over some days: which plan and version holds, which windows are touched, and their walks."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence

from services.incentive.domain.conversion import as_walked
from services.incentive.domain.facts import Account, Credit, Payee
from services.incentive.domain.plans import Assignment, Component, Plan
from services.incentive.domain.walk import Line, Step, Walk
from services.incentive.domain.windows import Days, widest, windows_on


def lines(account: Account, plans: Iterable[Plan], credits: Iterable[Credit], touched: Days) -> list[Line]:
    """The payee's lines in every window that shares a day with ``touched``.

    ``credits`` must hold all of the payee's credits over ``reach(account, plans, touched)``; in any order.
    """
    groups: dict[tuple[str, str, Days, str], list[Step]] = defaultdict(list)
    versions = _by_key(plans)
    for credit in sorted(credits, key=lambda c: c.place):
        for plan in plans_on(versions, account.payee, credit.day):
            for component in plan.components:
                if not _counts(component, credit):
                    continue
                windows = windows_on(component.windows, credit.day, account.target_windows(component.windows.kpi))
                for window in windows:
                    if window.meets(touched) and (walked := as_walked(component, credit, window, account)):
                        place = (plan.key, component.key, window, walked.currency)
                        groups[place].append(Step(walked, plan.version, component))
    walks = [Walk(*place, tuple(steps), account) for place, steps in sorted(groups.items(), key=lambda g: g[0])]
    return [line for walk in walks for line in walk.lines()]


def reach(account: Account, plans: Iterable[Plan], touched: Days) -> Days:
    """The days whose credits the walks over ``touched`` need."""
    found = touched
    for plan in plans:
        for component in plan.components:
            windows = component.windows
            found = found.hull(widest(windows, touched, account.target_windows(windows.kpi)))
    return found


def plans_on(versions: Iterable[Sequence[Plan]], payee: Payee, day: dt.date) -> list[Plan]:
    """Of each plan the newest version that has begun by the day, if it has not ended and pays this payee.

    So from its first day on a version replaces every one before it, and where it ends the plan ends.
    """
    found = []
    for plan_versions in versions:
        begun = [plan for plan in plan_versions if plan.valid_from <= day]
        if begun and begun[-1].holds_on(day) and pays(begun[-1].assigned_to, payee, day):
            found.append(begun[-1])
    return found


def pays(assigned_to: Assignment, payee: Payee, day: dt.date) -> bool:
    """Whether a plan assigned so pays this payee's credits of the day."""
    return (
        assigned_to.everyone
        or payee.payee_id in assigned_to.people
        or not assigned_to.roles.isdisjoint(payee.roles)
        or not assigned_to.teams.isdisjoint(payee.teams_on(day))
    )


def _by_key(plans: Iterable[Plan]) -> list[list[Plan]]:
    versions: dict[str, list[Plan]] = defaultdict(list)
    for plan in sorted(plans, key=lambda p: (p.key, p.version)):
        versions[plan.key].append(plan)
    return list(versions.values())


def _counts(component: Component, credit: Credit) -> bool:
    return component.credits in ("all", "overlay" if credit.overlay else "direct")
