"""Double entry: what has to be posted so that the ledger says what is earned; never an edit, always a new entry."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from services.incentive.domain.facts import Cause
from services.incentive.domain.ids import entry_id
from services.incentive.domain.plans import Kind
from services.incentive.domain.walk import Line
from services.incentive.domain.windows import Days


@dataclass(frozen=True, slots=True)
class Posting:
    """A leg in minor units: a debit is positive, a credit negative."""

    account: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Booked:
    """A line as the ledger has it: ``amount_minor`` is the net of its ``entries`` entries."""

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
    entries: int


@dataclass(frozen=True, slots=True)
class Entry:
    """An append-only entry; ``previous_entry_id`` is the one that it corrects."""

    entry_id: str
    line_id: str
    sequence: int
    previous_entry_id: str | None
    kind: Literal["award", "adjustment", "reversal"]
    component_kind: Kind
    plan: str
    plan_version: int
    component: str
    payee_id: str
    window: Days
    currency: str
    earned_on: dt.date
    amount_minor: int
    causes: tuple[Cause, ...]

    @property
    def postings(self) -> tuple[Posting, Posting]:
        """Debit the expense, credit what is payable to the payee; a negative amount turns both round."""
        return (
            Posting(f"expense:{self.component_kind}", self.amount_minor),
            Posting(f"payable:{self.payee_id}", -self.amount_minor),
        )


def entries(
    booked: Mapping[str, Booked], wanted: Iterable[Line], causes: Mapping[str, tuple[Cause, ...]]
) -> list[Entry]:
    """The entries that take the booked lines to the wanted ones: only differences, and zero for what is no more.

    ``causes`` has, per order, the events that stand now: they are why a line that is no more was reversed.
    """
    found: list[Entry] = []
    kept = set()
    for line in wanted:
        kept.add(line.line_id)
        found += _entry(line, booked.get(line.line_id), line.amount_minor, line.causes)
    for line_id in sorted(booked.keys() - kept):
        gone = booked[line_id]
        found += _entry(gone, gone, 0, causes.get(gone.order_id or "", ()))
    return found


def _entry(line: Line | Booked, booked: Booked | None, amount: int, causes: tuple[Cause, ...]) -> list[Entry]:
    """One entry for the difference; none where there is no difference."""
    known, sequence = (booked.amount_minor, booked.entries) if booked else (0, 0)
    if amount == known:
        return []
    entry = Entry(
        entry_id=entry_id(line.line_id, sequence + 1),
        line_id=line.line_id,
        sequence=sequence + 1,
        previous_entry_id=entry_id(line.line_id, sequence) if sequence else None,
        kind="award" if sequence == 0 else "adjustment" if amount else "reversal",
        component_kind=line.kind,
        plan=line.plan,
        plan_version=line.plan_version,
        component=line.component,
        payee_id=line.payee_id,
        window=line.window,
        currency=line.currency,
        earned_on=line.earned_on,
        amount_minor=amount - known,
        causes=causes,
    )
    return [entry]
