"""Reading within the caller's sight: earnings, lines, traces, the balance, targets, parameters and plans."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from chassis.db import Connection
from services.incentive.domain.errors import LineNotFound, PlanNotFound
from services.incentive.domain.facts import Payee
from services.incentive.domain.ledger import Booked
from services.incentive.domain.plan_reading import read_plan
from services.incentive.domain.plans import Plan
from services.incentive.domain.sight import Sight
from services.incentive.domain.traces import Trace
from services.incentive.store import decisions, directory, earnings
from services.incentive.store.decisions import ParameterSet, PlanVersion, TargetSet
from services.incentive.store.earnings import FIRST_PLACE, Choice, Earned, Posted

__all__ = ["FIRST_PLACE", "Choice", "Earned", "Opened", "ParameterSet", "PlanVersion", "Posted", "TargetSet"]


@dataclass(frozen=True, slots=True)
class Opened:
    """A line with its entries and its derivation."""

    line: Booked
    entries: Sequence[Posted]
    trace: Trace | None


async def earned(
    conn: Connection, sight: Sight, choice: Choice, after: Sequence[str | dt.date], limit: int
) -> list[Earned]:
    """What the ledger's postings come to per payee, plan, component, window and currency."""
    return await earnings.earned(conn, sight, choice, after, limit)


async def lines(
    conn: Connection, sight: Sight, choice: Choice, after: tuple[dt.date, str] | None, limit: int
) -> list[Booked]:
    """The lines in sight."""
    return await earnings.lines(conn, sight, choice, after, limit)


async def open_line(conn: Connection, sight: Sight, line_id: str) -> Opened:
    """One line. Raises LineNotFound, alike for a foreign and for an unknown id."""
    found = await earnings.line(conn, sight, line_id)
    if found is None:
        raise LineNotFound("there is no such line")
    line, trace = found
    return Opened(line, await earnings.entries(conn, line_id), trace)


async def balance(conn: Connection, sight: Sight) -> list[tuple[str, str, int]]:
    """Per currency and class of account the net in minor units."""
    return await earnings.balance(conn, sight)


async def targets(
    conn: Connection, sight: Sight, filters: Mapping[str, str | dt.date | None], after: str, limit: int
) -> list[TargetSet]:
    """Targets in sight, in order of their ids."""
    return await decisions.list_targets(conn, sight, filters, after, limit)


async def parameters(
    conn: Connection,
    sight: Sight,
    payee_id: str | None,
    name: str | None,
    after: tuple[str, str, dt.date] | None,
    limit: int,
) -> list[ParameterSet]:
    """Payees' dated values in sight."""
    return await decisions.list_parameters(conn, sight, payee_id, name, after, limit)


async def plans(conn: Connection, sight: Sight) -> list[PlanVersion]:
    """The newest version of each plan that concerns someone in sight."""
    newest = {found.key: found for found in await decisions.plan_versions(conn)}
    payees = await _payees(conn, sight)
    return [newest[key] for key in sorted(newest) if payees is None or _concerns(newest[key], payees)]


async def plan(conn: Connection, sight: Sight, key: str) -> list[PlanVersion]:
    """Every version of one plan, the newest last. Raises PlanNotFound, alike for a foreign and an unknown key."""
    versions = await decisions.plan_versions(conn, key)
    payees = await _payees(conn, sight)
    seen = [found for found in versions if payees is None or _concerns(found, payees)]
    if not seen:
        raise PlanNotFound(f"there is no plan {key!r}")
    return seen


async def _payees(conn: Connection, sight: Sight) -> list[Payee] | None:
    """Who is in sight; None for everyone."""
    if sight.person is None:
        return None
    known = await directory.payees(conn, await directory.in_sight(conn, sight.person, sight.tree))
    return list(known.values())


def _concerns(version: PlanVersion, payees: Sequence[Payee]) -> bool:
    """Whether the plan pays one of them, whenever that was."""
    found: Plan = read_plan(version.key, version.version, msgspec.json.decode(version.document))
    who = found.assigned_to
    return any(
        who.everyone
        or payee.payee_id in who.people
        or not who.roles.isdisjoint(payee.roles)
        or not who.teams.isdisjoint(team for team, _ in payee.teams)
        for payee in payees
    )
