"""What the schema cannot say: dates, currencies, credits that add up, refunds; each rule once, over JSON values.

A rule names the places that it reads; where one of them is faulty already the rule is silent.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from contracts import sales
from contracts.currencies import MINOR_DIGITS
from contracts.splits import total
from services.ingest.domain.faults import Fault, pointer

Event = Mapping[str, Any]

FUTURE_DAYS_MAX = 1
"""A business day may be tomorrow (clocks and zones differ), never later."""
FIRST_YEAR, LAST_YEAR = 1970, 9998
INTEGER_MAX = 2**63 - 1


@dataclass(frozen=True)
class Door:
    """What the installation holds every event to.

    ``today`` is the local day in ``zone``; ``required`` holds, per event type, the JSON pointers that its policy wants.
    """

    zone: ZoneInfo
    currency: str
    today: dt.date
    required: Mapping[str, Collection[str]] = field(default_factory=dict)


class Rule(NamedTuple):
    """``reads``: a regular expression over the pointers of the places that ``check`` relies on."""

    reads: str
    check: Callable[[Event, Door], Iterator[Fault]]


def faults(event: Event, door: Door, known: Collection[Fault] = ()) -> list[Fault]:
    """The faults of an event's meaning. ``known``: what is found already, so that nothing is judged on sand."""
    found = list(known)
    for rule in (*_EVERY_EVENT, *_BY_TYPE.get(str(event.get("type")), ())):
        if not found or not any(re.fullmatch(rule.reads, fault.pointer) for fault in found):
            found += rule.check(event, door)
    return found[len(known) :]


def _time(event: Event, door: Door) -> Iterator[Fault]:
    instant = msgspec.convert(event["time"], dt.datetime)
    if FIRST_YEAR <= instant.year <= LAST_YEAR:  # within reach of any zone's offset
        yield from _day(instant.astimezone(door.zone).date(), "/time", door)
    else:
        yield from _day(instant.date(), "/time", door)


def _business_date(event: Event, door: Door) -> Iterator[Fault]:
    data = event.get("data")
    if isinstance(data, dict) and isinstance(text := data.get("business_date"), str):
        yield from _day(dt.date.fromisoformat(text), "/data/business_date", door)


def _day(day: dt.date, where: str, door: Door) -> Iterator[Fault]:
    if day.year < FIRST_YEAR:
        yield Fault(where, "ancient-date", f"{day} is before {FIRST_YEAR}")
    if day > door.today + dt.timedelta(days=FUTURE_DAYS_MAX):
        yield Fault(where, "future-date", f"{day} is later than tomorrow in {door.zone.key}")


def _media_type(event: Event, door: Door) -> Iterator[Fault]:
    kind = str(event.get("datacontenttype") or "application/json").split(";")[0].strip().lower()
    if not (kind == "application/json" or kind.endswith("+json")):
        yield Fault("/datacontenttype", "not-json-data", f"{kind[:80]} is no JSON, and Merit's data is JSON")


def _integers(event: Event, door: Door) -> Iterator[Fault]:
    attributes = event["data"].get("attributes") if isinstance(event.get("data"), dict) else None
    places = [(("data", "attributes", k), v) for k, v in attributes.items()] if isinstance(attributes, dict) else []
    for path, value in [*places, *(((name,), value) for name, value in event.items())]:
        if isinstance(value, int) and abs(value) > INTEGER_MAX:
            yield Fault(pointer(path), "out-of-bounds", "a whole number has at most 63 bits")


def _policy(event: Event, door: Door) -> Iterator[Fault]:
    for place in door.required.get(str(event.get("type")), ()):
        if not filled(event, place):
            yield Fault(place, "required-by-policy", "this installation requires it to be filled in")


def filled(event: Event, place: str) -> bool:
    """Whether something stands at a JSON pointer: not null, and no empty text, list or object."""
    value: Any = event
    for step in place.split("/")[1:]:
        value = value.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(value, dict) else None
    return value is not None and value not in ("", [], {})


def _currency(event: Event, door: Door) -> Iterator[Fault]:
    code = event["data"]["currency"]
    if code not in MINOR_DIGITS:
        yield Fault("/data/currency", "unknown-currency", f"{code} is no ISO 4217 code")
    elif code != door.currency:
        yield Fault("/data/currency", "no-rate", f"there is no rate from {code} to {door.currency}")


def _credit_parts(event: Event, door: Door) -> Iterator[Fault]:
    for index, credit in enumerate(event["data"]["credits"]):
        parts = [name for name in ("share", "amount") if credit.get(name) is not None]
        if len(parts) == 2:
            yield Fault(f"/data/credits/{index}", "credit-with-both", "a credit says a share or an amount, not both")
        if not parts:
            yield Fault(f"/data/credits/{index}", "credit-without-part", "a credit says a share or an amount")


def _credit_sums(event: Event, door: Door) -> Iterator[Fault]:
    credits = event["data"]["credits"]
    owners = [credit for credit in credits if not credit.get("overlay")]
    shares = [Decimal(c["share"]) for c in owners if c.get("share") is not None]
    amounts = [Decimal(c["amount"]) for c in owners if c.get("amount") is not None]
    if shares and amounts:
        yield Fault("/data/credits", "credits-mixed", "the credits say shares or amounts, not some of each")
    elif shares or (credits and not amounts):
        if (whole := total(shares)) != 1:
            yield Fault("/data/credits", "shares-not-one", f"the shares without overlay sum to {whole:f}, not to 1")
    elif amounts and (given := total(amounts)) != (whole := Decimal(event["data"]["amount"])):
        yield Fault("/data/credits", "amounts-not-whole", f"the amounts sum to {given:f}, the order's is {whole:f}")


def _credit_reps(event: Event, door: Door) -> Iterator[Fault]:
    seen: set[tuple[str, bool]] = set()
    for index, credit in enumerate(event["data"]["credits"]):
        if (who := (credit["rep_id"], bool(credit.get("overlay")))) in seen:
            yield Fault(f"/data/credits/{index}/rep_id", "rep-repeated", "this rep has a credit of this kind already")
        seen.add(who)


def _refund(event: Event, door: Door) -> Iterator[Fault]:
    data = event["data"]
    lines, amount = data.get("lines") or [], data.get("amount")
    unpriced = [i for i, line in enumerate(lines) if line.get("amount") is None]
    if amount is None and not lines:
        yield Fault("/data/amount", "refund-without-amount", "a refund says an amount, or lines with amounts")
    for index in unpriced:
        yield Fault(f"/data/lines/{index}/amount", "missing", "a refunded line says its amount")
    if unpriced:
        return
    priced = total(Decimal(line["amount"]) for line in lines)
    if amount is not None and lines and priced != Decimal(amount):
        yield Fault("/data/amount", "refund-amounts-differ", f"the lines sum to {priced:f}, not to {amount}")
    if (amount is not None or lines) and (Decimal(amount) if amount is not None else priced) == 0:
        yield Fault("/data/amount" if amount is not None else "/data/lines", "refund-zero", "a refund is above zero")


_DATA = r"|/data"  # the whole event or its data: then nothing below can be read
_EVERY_EVENT = (
    Rule("|/time", _time),
    Rule(r"/data/business_date", _business_date),
    Rule("|/datacontenttype", _media_type),
    Rule("", _integers),
    Rule("|/type", _policy),
)
_ORDER = (
    Rule(_DATA + "|/data/currency", _currency),
    Rule(_DATA + r"|/data/credits(/\d+)?", _credit_parts),
    Rule(_DATA + r"|/data/amount|/data/credits(/\d+(/(share|amount|overlay))?)?", _credit_sums),
    Rule(_DATA + r"|/data/credits(/\d+(/(rep_id|overlay))?)?", _credit_reps),
)
_BY_TYPE: dict[str, tuple[Rule, ...]] = {
    sales.PLACED: _ORDER,
    sales.AMENDED: _ORDER,
    sales.REFUNDED: (Rule(_DATA + r"|/data/amount|/data/lines(/\d+(/amount)?)?", _refund),),
}
