"""What incentive announces: targets (compacted, the whole history of a key) and every ledger entry."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contracts.envelope import EventRef, Identifier
from contracts.kpi import SubjectKind
from contracts.sales import Amount, Currency

TARGET_SET = "merit.target.set.v1"
LEDGER_POSTED = "merit.ledger.entry.posted.v1"


class TargetVersion(Struct, frozen=True):
    """One version of a target's value; ``set_at`` is the instant of the decision."""

    version: Annotated[int, Meta(ge=1)]
    value: Amount
    set_at: dt.datetime


class Target(Struct, frozen=True, kw_only=True):
    """An amount expected of a subject over ``[valid_from, valid_to)`` (local days), with all its versions."""

    target_id: Identifier
    kpi: Identifier
    subject_kind: SubjectKind
    subject: Identifier
    valid_from: dt.date
    valid_to: dt.date
    currency: Currency | None
    versions: list[TargetVersion]


class LedgerPosting(Struct, frozen=True):
    """One leg of an entry, in minor units of the currency; the legs of an entry sum to zero."""

    account: str
    amount_minor: int


class LedgerEntry(Struct, frozen=True, kw_only=True):
    """An append-only entry: the ``sequence``-th posting for the derived ``line_id``; its net is the line's amount."""

    entry_id: Identifier
    line_id: Identifier
    sequence: Annotated[int, Meta(ge=1)]
    kind: Literal["award", "adjustment", "reversal"]
    payee_id: Identifier
    plan: Identifier
    plan_version: int
    component: Identifier
    window_from: dt.date
    window_to: dt.date
    earned_on: dt.date
    currency: Currency
    postings: list[LedgerPosting]
    causes: list[EventRef]
    posted_at: dt.datetime
