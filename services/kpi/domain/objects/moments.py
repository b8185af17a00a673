"""When something happened: an instant and the local day that counts, from a time, a business date, or a day alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from contracts.envelope import Envelope
from contracts.orders import Said
from contracts.sales import EventData, day_or_instant
from contracts.trusted import trusted

DAY, MICROSECOND = dt.timedelta(days=1), dt.timedelta(microseconds=1)
MICROSECONDS = 1_000_000


class Moment(Struct, frozen=True, order=True, array_like=True, gc=False):
    """``at`` is an instant in UTC, ``day`` the local day that counts; ``said``: by which event."""

    said: Said
    at: dt.datetime
    day: dt.date


def said_by(event: Envelope) -> Said:
    """When and by whom an event was said."""
    assert event.time is not None, "the door lets no event in without a time"
    return Said(event.time.astimezone(dt.UTC), event.source, event.id)


def happened(event: Envelope, data: EventData, zone: ZoneInfo) -> Moment:
    """When what an event tells of happened: its time, unless its business date is another day, which then begins it."""
    said = said_by(event)
    day = said.time.astimezone(zone).date()
    if data.business_date in (None, day):
        return Moment(said, said.time, day)
    return stated(said, data.business_date, zone)


def stated(said: Said, when: str | dt.date, zone: ZoneInfo) -> Moment:
    """When something began that is stated as an instant or as a day; a day begins at its local midnight."""
    read = day_or_instant(when) if isinstance(when, str) else when
    if isinstance(read, dt.datetime):
        return Moment(said, read.astimezone(dt.UTC), read.astimezone(zone).date())
    return Moment(said, _midnight(read, zone), read)


def ends(said: Said, when: str, zone: ZoneInfo) -> Moment:
    """When something is over that is stated as an instant or as a day; a day lasts to its end, the last microsecond."""
    read = day_or_instant(when)
    if isinstance(read, dt.datetime):
        return stated(said, when, zone)
    return Moment(said, _midnight(read + DAY, zone) - MICROSECOND, read)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time.min, zone).astimezone(dt.UTC)


def seconds(since: Moment | None, until: Moment | None) -> Decimal | None:
    """The exact seconds from one moment to another."""
    if since is None or until is None:
        return None
    whole, rest = divmod((until.at - since.at) // MICROSECOND, MICROSECONDS)
    return Decimal(whole) + Decimal(rest).scaleb(-6) if rest else Decimal(whole)


def earliest(known: Moment | None, new: Moment) -> Moment:
    """Of two claims the one that was said first."""
    return new if known is None else min(known, new)


def latest(known: Moment | None, new: Moment) -> Moment:
    """Of two claims the one that was said last."""
    return new if known is None else max(known, new)


_History = TypeVar("_History", bound=Struct)


def packing(type_: type[_History]) -> tuple[Callable[[_History], bytes], Callable[[bytes], _History]]:
    """Write and read a history as compact bytes."""
    decoder: Any = msgspec.msgpack.Decoder(trusted(type_))
    return msgspec.msgpack.Encoder(decimal_format="string").encode, decoder.decode
