"""Reading what was earned: sums of postings, lines with their entries and traces, all within the caller's sight."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from chassis.db import Connection
from services.incentive.domain.facts import Cause
from services.incentive.domain.ledger import Booked, Posting
from services.incentive.domain.sight import Sight
from services.incentive.domain.traces import Trace
from services.incentive.domain.windows import Days
from services.incentive.store.directory import BELOW
from services.incentive.store.ledger import booked_line

_decode_causes = msgspec.json.Decoder(tuple[Cause, ...]).decode
decode_trace = msgspec.json.Decoder(Trace).decode

IN_SIGHT = (
    "($1::text is null or l.payee_id = $1 or exists (select from below b"
    " where b.person_id = l.payee_id and l.earned_on >= b.since and l.earned_on < b.until))"
)
_CHOSEN = (
    " and ($3::text is null or l.payee_id = $3) and ($4::text is null or l.plan = $4)"
    " and ($5::text is null or l.component = $5)"
    " and ($6::date is null or l.window_from >= $6) and ($7::date is null or l.window_to <= $7)"
    " and ($8::date is null or l.earned_on >= $8) and ($9::date is null or l.earned_on < $9)"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which lines: windows within ``[window_from, window_to)``, earned within ``[earned_from, earned_to)``."""

    payee: str | None = None
    plan: str | None = None
    component: str | None = None
    window_from: dt.date | None = None
    window_to: dt.date | None = None
    earned_from: dt.date | None = None
    earned_to: dt.date | None = None

    @property
    def values(self) -> tuple[str | dt.date | None, ...]:
        return (
            self.payee,
            self.plan,
            self.component,
            self.window_from,
            self.window_to,
            self.earned_from,
            self.earned_to,
        )


@dataclass(frozen=True, slots=True)
class Earned:
    """What the postings of a payee's window under a component net to, in minor units."""

    payee_id: str
    plan: str
    component: str
    window: Days
    currency: str
    amount_minor: int

    @property
    def place(self) -> tuple[str, str, str, dt.date, dt.date, str]:
        return self.payee_id, self.plan, self.component, self.window.since, self.window.until, self.currency


FIRST_PLACE = ("", "", "", dt.date.min, dt.date.min, "")


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry of a line, as it stands in the ledger for ever."""

    entry_id: str
    sequence: int
    previous_entry_id: str | None
    kind: str
    plan_version: int
    postings: tuple[Posting, ...]
    causes: tuple[Cause, ...]
    posted_at: dt.datetime


async def earned(
    conn: Connection, sight: Sight, choice: Choice, after: Sequence[str | dt.date], limit: int
) -> list[Earned]:
    """Sums of ledger postings per payee, plan, component, window and currency, in that order."""
    rows = await conn.fetch(
        BELOW + "select l.payee_id, l.plan, l.component, l.window_from, l.window_to, l.currency,"
        " coalesce(-sum(p.amount_minor), 0) as amount from line l left join ledger_entry e using (line_id)"
        " left join ledger_posting p on p.entry_id = e.entry_id and p.account = 'payable:' || l.payee_id"
        f" where {IN_SIGHT}{_CHOSEN}"
        " and (l.payee_id, l.plan, l.component, l.window_from, l.window_to, l.currency)"
        " > ($10, $11, $12, $13, $14, $15)"
        " group by 1, 2, 3, 4, 5, 6 order by 1, 2, 3, 4, 5, 6 limit $16",
        sight.person,
        sight.tree,
        *choice.values,
        *after,
        limit,
    )
    return [
        Earned(
            row["payee_id"],
            row["plan"],
            row["component"],
            Days(row["window_from"], row["window_to"]),
            row["currency"],
            int(row["amount"]),
        )
        for row in rows
    ]


async def lines(
    conn: Connection, sight: Sight, choice: Choice, after: tuple[dt.date, str] | None, limit: int
) -> list[Booked]:
    """Lines in order of the day they were earned on, then of their ids."""
    rows = await conn.fetch(
        BELOW + f"select l.* from line l where {IN_SIGHT}{_CHOSEN} and (l.earned_on, l.line_id) > ($10, $11)"
        " order by l.earned_on, l.line_id limit $12",
        sight.person,
        sight.tree,
        *choice.values,
        *(after or (dt.date.min, "")),
        limit,
    )
    return [booked_line(row) for row in rows]


async def line(conn: Connection, sight: Sight, line_id: str) -> tuple[Booked, Trace | None] | None:
    """One line in sight with its derivation (none when it was reversed for good)."""
    row = await conn.fetchrow(
        BELOW + f"select l.* from line l where {IN_SIGHT} and l.line_id = $3", sight.person, sight.tree, line_id
    )
    if row is None:
        return None
    return booked_line(row), None if row["trace"] is None else decode_trace(row["trace"])


async def entries(conn: Connection, line_id: str) -> list[Posted]:
    """A line's entries, the oldest first."""
    rows = await conn.fetch(
        "select e.*, array_agg(p.account order by p.account) as accounts,"
        " array_agg(p.amount_minor order by p.account) as amounts"
        " from ledger_entry e join ledger_posting p using (entry_id) where line_id = $1"
        " group by e.entry_id order by sequence",
        line_id,
    )
    return [
        Posted(
            row["entry_id"],
            row["sequence"],
            row["previous_entry_id"],
            row["kind"],
            row["plan_version"],
            tuple(Posting(a, int(m)) for a, m in zip(row["accounts"], row["amounts"], strict=True)),
            _decode_causes(row["causes"]),
            row["posted_at"],
        )
        for row in rows
    ]


async def balance(conn: Connection, sight: Sight) -> list[tuple[str, str, int]]:
    """Per currency and class of account (expense, payable) the net of all postings in sight, in minor units."""
    rows = await conn.fetch(
        BELOW + "select e.currency, split_part(p.account, ':', 1) as class, sum(p.amount_minor) as net"
        " from line l join ledger_entry e using (line_id) join ledger_posting p using (entry_id)"
        f" where {IN_SIGHT} group by 1, 2 order by 1, 2",
        sight.person,
        sight.tree,
    )
    return [(row["currency"], row["class"], int(row["net"])) for row in rows]
