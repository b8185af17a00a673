"""The rules of sales events: currencies, refunds, amounts above zero, when an opportunity was opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal

from contracts import sales
from contracts.currencies import MINOR_DIGITS
from contracts.splits import total
from services.ingest.domain import credit_rules, when_rules
from services.ingest.domain.door import DATA, Door, Event, Rule
from services.ingest.domain.faults import Fault


def _currency(event: Event, door: Door) -> Iterator[Fault]:
    code = event["data"].get("currency")
    if code is not None and code not in MINOR_DIGITS:
        yield Fault("/data/currency", "unknown-currency", f"{code} is no ISO 4217 code")


def _currency_of_the_amount(event: Event, door: Door) -> Iterator[Fault]:
    data = event["data"]
    if data.get("amount") is not None and data.get("currency") is None:
        yield Fault("/data/currency", "missing", "an amount needs its currency")


def _above_zero(event: Event, door: Door) -> Iterator[Fault]:
    if Decimal(event["data"]["amount"]) == 0:
        yield Fault("/data/amount", "amount-zero", "what takes nothing away says nothing: the amount is above zero")


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


_CURRENCY = Rule(DATA + "|/data/currency", _currency)
_ABOVE_ZERO = Rule(DATA + "|/data/amount", _above_zero)
_ORDER = (_CURRENCY, *credit_rules.OF_AN_AMOUNT)
_OPPORTUNITY = (
    _CURRENCY,
    Rule(DATA + "|/data/(amount|currency)", _currency_of_the_amount),
    when_rules.OPENED_AT,
)

BY_TYPE: Mapping[str, tuple[Rule, ...]] = {
    sales.PLACED: _ORDER,
    sales.AMENDED: _ORDER,
    sales.REFUNDED: (Rule(DATA + r"|/data/amount|/data/lines(/\d+(/amount)?)?", _refund),),
    sales.CREDIT_NOTE_ISSUED: (_CURRENCY, _ABOVE_ZERO, *credit_rules.OF_AN_AMOUNT),
    sales.INVOICE_ISSUED: (_CURRENCY,),
    sales.PAYMENT_RECEIVED: (_CURRENCY,),
    sales.PAYMENT_REVERSED: (_CURRENCY, _ABOVE_ZERO),
    sales.OPPORTUNITY_OPENED: _OPPORTUNITY,
    sales.OPPORTUNITY_UPDATED: _OPPORTUNITY,
    sales.OPPORTUNITY_WON: _OPPORTUNITY,
    sales.OPPORTUNITY_LOST: _OPPORTUNITY,
}
"""The rules of each sales event beyond those of every event; a cancellation has none."""
