"""Decisions over HTTP: targets, payees' parameters and plans; each is a version, and marks whom it touches."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

import msgspec

from chassis.db import Connection
from chassis.outbox import announce
from contracts.incentive import Target, TargetVersion
from services.incentive.domain.errors import BadItems, TooManyPlans
from services.incentive.domain.ids import target_id
from services.incentive.domain.plan_reading import read_plan
from services.incentive.domain.plans import Plan, PlanFault
from services.incentive.domain.windows import LAST_DAY, Days
from services.incentive.store import decisions, due
from services.incentive.store.decisions import ParameterSet, PlanVersion, TargetSet
from services.incentive.translate import target_set

PLANS_MAX = 500
Outcome = Literal["created", "changed", "unchanged"]


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of each item, in the order given, and the newest mark that it left (0: none)."""

    outcomes: Sequence[tuple[str, Outcome]]
    mark: int


def new_target(kpi: str, subject_kind: str, subject: str, window: Days, currency: str | None, value: str) -> TargetSet:
    """A target as someone sets it; its version is given when it is saved."""
    identity = target_id(kpi, subject_kind, subject, window.since.isoformat(), window.until.isoformat())
    return TargetSet(identity, kpi, subject_kind, subject, window, currency, value, 0)


async def set_targets(conn: Connection, items: Sequence[TargetSet], now: dt.datetime, by: str) -> Decided:
    """Upsert targets, all or none; a changed one is a new version, and is announced with all of them.

    Raises BadItems for a target that stands twice.
    """
    _refuse_repeated([item.target_id for item in items])
    await decisions.lock(conn)
    known = await decisions.targets(conn, [item.target_id for item in items])
    changed = [
        replace(item, version=known[item.target_id].version + 1 if item.target_id in known else 1)
        for item in items
        if not _same_target(known.get(item.target_id), item)
    ]
    await decisions.save_targets(conn, changed, now, by)
    await _announce_targets(conn, changed, now)
    mark = await due.mark(conn, [(item.subject, item.window) for item in changed if item.subject_kind == "rep"])
    outcomes = _outcomes([i.target_id for i in items], set(known), {i.target_id for i in changed})
    return Decided([(item.target_id, outcome) for item, outcome in zip(items, outcomes, strict=True)], mark)


async def set_parameters(conn: Connection, items: Sequence[ParameterSet], now: dt.datetime, by: str) -> Decided:
    """Upsert payees' dated values, all or none; a changed one is a new version. Raises BadItems."""
    _refuse_repeated([item.key for item in items])
    await decisions.lock(conn)
    known = await decisions.parameters(conn, [item.key for item in items])
    changed = [
        replace(item, version=known[item.key].version + 1 if item.key in known else 1)
        for item in items
        if not _same_parameter(known.get(item.key), item)
    ]
    await decisions.save_parameters(conn, changed, now, by)
    both = [*changed, *(known[item.key] for item in changed if item.key in known)]
    mark = await due.mark(conn, [(p.payee_id, Days(p.valid_from, p.valid_to or LAST_DAY)) for p in both])
    outcomes = _outcomes([i.key for i in items], set(known), {i.key for i in changed})
    names = [f"{i.payee_id}/{i.name}/{i.valid_from.isoformat()}" for i in items]
    return Decided(list(zip(names, outcomes, strict=True)), mark)


async def publish_plan(
    conn: Connection, key: str, document: object, now: dt.datetime, by: str
) -> tuple[PlanVersion, int]:
    """Put a plan in force as the next version of its key, from its first day on; the same document as the newest
    version's changes nothing. Returns the version and the newest mark. Raises PlanRefused, TooManyPlans."""
    await decisions.lock(conn)
    versions = await decisions.plan_versions(conn, key)
    plan = read_plan(key, len(versions) + 1, document)
    if versions and msgspec.json.decode(versions[-1].document) == document:
        return versions[-1], 0
    if not versions and len({found.key for found in await decisions.plan_versions(conn)}) >= PLANS_MAX:
        raise TooManyPlans(f"{PLANS_MAX} plans are published already")
    published = PlanVersion(key, plan.version, msgspec.json.encode(document).decode(), now, by)
    await decisions.publish_plan(conn, published)
    return published, await due.mark_everyone(conn, Days(plan.valid_from, LAST_DAY))


def check_plan(document: object) -> Plan:
    """Read a plan without publishing it. Raises PlanRefused with every fault."""
    key = document.get("key") if isinstance(document, Mapping) else None
    return read_plan(key if isinstance(key, str) else "plan", 1, document)


async def _announce_targets(conn: Connection, changed: Sequence[TargetSet], now: dt.datetime) -> None:
    versions = await decisions.target_versions(conn, [item.target_id for item in changed])
    targets = [
        Target(
            target_id=item.target_id,
            kpi=item.kpi,
            subject_kind=item.subject_kind,  # type: ignore[arg-type]  # the route took no other
            subject=item.subject,
            valid_from=item.window.since,
            valid_to=item.window.until,
            currency=item.currency,
            versions=[TargetVersion(*version) for version in versions[item.target_id]],
        )
        for item in changed
    ]
    await announce(conn, target_set(targets, now))


def _refuse_repeated(keys: Sequence[object]) -> None:
    faults = [
        PlanFault(f"/items/{index}", "repeated", "this stands in the list before")
        for index, key in enumerate(keys)
        if key in keys[:index]
    ]
    if faults:
        raise BadItems(faults)


def _same_target(known: TargetSet | None, new: TargetSet) -> bool:
    return known is not None and (Fraction(known.value), known.currency) == (Fraction(new.value), new.currency)


def _same_parameter(known: ParameterSet | None, new: ParameterSet) -> bool:
    return known is not None and (Fraction(known.value), known.valid_to) == (Fraction(new.value), new.valid_to)


def _outcomes(keys: Sequence[object], known: set[object], changed: set[object]) -> list[Outcome]:
    return ["unchanged" if key not in changed else "changed" if key in known else "created" for key in keys]
