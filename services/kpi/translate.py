"""Between the contracts and kpi's own words: records of the log in, announced values and answers out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Raw

from chassis.bus import Record
from chassis.outbox import Announcement
from contracts import envelope
from contracts.custom_fields import CustomField
from contracts.directory import Person
from contracts.envelope import Envelope
from contracts.incentive import Target
from contracts.kpi import VALUE_CHANGED, ValueChanged
from contracts.quality import DoorCount
from contracts.rates import RATES_SET, DatedRate, RateTable
from contracts.topics import FX_RATES, KPI_VALUES
from services.kpi.domain.errors import Malformed
from services.kpi.domain.objects import OBJECT_KINDS, OF_EVENT
from services.kpi.domain.objects.object_kind import ObjectKind
from services.kpi.domain.rates import Rate

SOURCE = "/merit/kpi"
_person = msgspec.json.Decoder(Person).decode
_custom_field = msgspec.json.Decoder(CustomField).decode
_target = msgspec.json.Decoder(Target).decode
_door_count = msgspec.json.Decoder(DoorCount).decode
_data: dict[str, Callable[[Raw], Any]] = {
    name: msgspec.json.Decoder(type_).decode for kind in OBJECT_KINDS.values() for name, type_ in kind.events.items()
}


def read_event(record: Record) -> tuple[ObjectKind[Any], Envelope, Any] | None:
    """An event of a CRM with the kind of object that it speaks of; None for a type that is not read here.

    Raises Malformed: our door lets nothing of the kind in, but it may not be the only one who can write to the log.
    """
    try:
        event = envelope.decode(record.value)
        kind = OF_EVENT.get(event.type)
        if kind is None:
            return None
        data = _data[event.type](event.data)
    except msgspec.DecodeError as error:
        raise Malformed(f"no event of a CRM: {error}") from error
    if event.time is None:
        raise Malformed("an event without a time")
    return kind, event, data


def read_person(record: Record) -> Person:
    """A person of the directory. Raises Malformed."""
    try:
        return _person(envelope.decode(record.value).data)
    except msgspec.DecodeError as error:
        raise Malformed(f"no person: {error}") from error


def read_target(record: Record) -> Target:
    """A target. Raises Malformed."""
    try:
        return _target(envelope.decode(record.value).data)
    except msgspec.DecodeError as error:
        raise Malformed(f"no target: {error}") from error


def read_custom_field(record: Record) -> CustomField:
    """A declaration of a custom field. Raises Malformed."""
    try:
        return _custom_field(envelope.decode(record.value).data)
    except msgspec.DecodeError as error:
        raise Malformed(f"no custom field: {error}") from error


def read_door_count(record: Record) -> DoorCount:
    """Totals of the door. Raises Malformed."""
    try:
        return _door_count(envelope.decode(record.value).data)
    except msgspec.DecodeError as error:
        raise Malformed(f"no count of the door: {error}") from error


def value_changed(value: ValueChanged, now: dt.datetime) -> Announcement:
    """A new version of a value, for ``kpi-values``; its id names value and version, so that a resend is a duplicate."""
    name = (value.kpi, value.definition_version, value.subject_kind, value.subject, value.grain, value.period_from)
    event = envelope.encode(
        type=VALUE_CHANGED,
        source=SOURCE,
        id="/".join([*map(str, name), str(value.version)]),
        time=now,
        subject=value.subject[:256],
        data=value,
    )
    return Announcement(KPI_VALUES.name, value.subject, event)


def rates_set(
    currency: str, reporting_currency: str, version: int, rates: Iterable[Rate], now: dt.datetime
) -> Announcement:
    """A currency's whole table, for ``fx-rates``."""
    dated = [DatedRate(rate.valid_from, format(rate.value, "f")) for rate in rates]
    table = RateTable(currency=currency, reporting_currency=reporting_currency, version=version, rates=dated)
    event = envelope.encode(
        type=RATES_SET, source=SOURCE, id=f"rates/{currency}/{version}", time=now, subject=currency, data=table
    )
    return Announcement(FX_RATES.name, currency, event)
