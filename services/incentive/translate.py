"""Between the contracts and incentive's own words: orders to credits in, entries and targets as announcements out."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction

import msgspec

from chassis.bus import Record
from chassis.outbox import Announcement
from contracts import envelope, orders, sales
from contracts.directory import Person
from contracts.envelope import Envelope, EventRef
from contracts.incentive import LEDGER_POSTED, TARGET_SET, LedgerEntry, LedgerPosting, Target
from contracts.order_state import Order
from contracts.rates import RateTable
from contracts.topics import INCENTIVE_LEDGER, TARGETS
from services.incentive.domain.errors import Malformed
from services.incentive.domain.facts import Cause, Credit
from services.incentive.domain.ledger import Entry

SOURCE = "/merit/incentive"
_person = msgspec.json.Decoder(Person).decode
_rates = msgspec.json.Decoder(RateTable).decode


def read_event(record: Record) -> tuple[Envelope, sales.OrderEvent] | None:
    """An order event; None for a type that is not read here. Raises Malformed: our door lets nothing of the kind in."""
    try:
        event = envelope.decode(record.value)
        if event.type not in orders.EVENTS:
            return None
        data = orders.read(event)
    except msgspec.DecodeError as error:
        raise Malformed(f"no order event: {error}") from error
    if event.time is None:
        raise Malformed("an order event without a time")
    return event, data


def read_person(record: Record) -> Person:
    """A person of the directory. Raises Malformed."""
    try:
        return _person(envelope.decode(record.value).data)
    except msgspec.DecodeError as error:
        raise Malformed(f"no person: {error}") from error


def read_rates(record: Record) -> RateTable:
    """A currency's rates. Raises Malformed."""
    try:
        return _rates(envelope.decode(record.value).data)
    except msgspec.DecodeError as error:
        raise Malformed(f"no rates: {error}") from error


def causes_of(order: Order) -> tuple[Cause, ...]:
    """The events that the order stands on."""
    return tuple(Cause(ref.source, ref.id) for ref in order.causes)


def credits_of(order: Order) -> list[Credit]:
    """The credits that an order gives: one per rep, and one more per rep for overlay; none while it waits.

    A rep who is named twice has one credit of the sum. Refunds are taken off the credit that they follow.
    """
    gross: dict[tuple[bool, str], Fraction] = defaultdict(Fraction)
    back: dict[tuple[bool, str], Fraction] = defaultdict(Fraction)
    for credit in order.credits:
        gross[credit.overlay, credit.rep_id] += Fraction(credit.amount)
    for refund in order.refunds:
        for credit in refund.credits:
            back[credit.overlay, credit.rep_id] += Fraction(credit.amount)
    return [
        Credit(
            order_id=order.order_id,
            credit_id=f"{'overlay' if overlay else 'direct'}/{rep_id}",
            payee_id=rep_id,
            day=order.day,
            currency=order.currency,
            amount=max(amount - back[overlay, rep_id], Fraction(0)),
            gross=amount,
            overlay=overlay,
            cancelled=order.status == "cancelled",
            causes=causes_of(order),
        )
        for (overlay, rep_id), amount in sorted(gross.items())
    ]


def entry_posted(entry: Entry, now: dt.datetime) -> Announcement:
    """A ledger entry, for ``incentive-ledger``."""
    data = LedgerEntry(
        entry_id=entry.entry_id,
        line_id=entry.line_id,
        sequence=entry.sequence,
        kind=entry.kind,
        payee_id=entry.payee_id,
        plan=entry.plan,
        plan_version=entry.plan_version,
        component=entry.component,
        window_from=entry.window.since,
        window_to=entry.window.until,
        earned_on=entry.earned_on,
        currency=entry.currency,
        postings=[LedgerPosting(p.account, p.amount_minor) for p in entry.postings],
        causes=[EventRef(cause.source, cause.id) for cause in entry.causes],
        posted_at=now,
    )
    event = envelope.encode(
        type=LEDGER_POSTED, source=SOURCE, id=entry.entry_id, time=now, subject=entry.payee_id, data=data
    )
    return Announcement(INCENTIVE_LEDGER.name, entry.payee_id, event)


def target_set(targets: Sequence[Target], now: dt.datetime) -> list[Announcement]:
    """Targets with all their versions, for ``targets``; the id names the version, so that a resend is a duplicate."""
    return [
        Announcement(
            TARGETS.name,
            target.target_id,
            envelope.encode(
                type=TARGET_SET,
                source=SOURCE,
                id=f"{target.target_id}/{target.versions[-1].version}",
                time=now,
                subject=target.subject,
                data=target,
            ),
        )
        for target in targets
    ]
