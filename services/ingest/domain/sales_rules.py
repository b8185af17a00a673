"""The rules of sales events: currencies, refunds, amounts above zero, when an opportunity was opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from contracts import sales
from contracts.currencies import MINOR_DIGITS
from contracts.splits import total
from services.ingest.domain import credit_rules, when_rules
from services.ingest.domain.door import DATA, Door, Rule
from services.ingest.domain.faults import Fault
from services.ingest.domain.said import Said


def _currency(event: Said, door: Door) -> Sequence[Fault]:
    code = event.data.currency
    if code is None or code in MINOR_DIGITS:
        return ()
    return [Fault("/data/currency", "unknown-currency", f"{code} is no ISO 4217 code")]


def _currency_of_the_amount(event: Said, door: Door) -> Sequence[Fault]:
    if event.data.amount is None or event.data.currency is not None:
        return ()
    return [Fault("/data/currency", "missing", "an amount needs its currency")]


def _above_zero(event: Said, door: Door) -> Sequence[Fault]:
    if Decimal(event.data.amount):
        return ()
    return [Fault("/data/amount", "amount-zero", "what takes nothing away says nothing: the amount is above zero")]


def _refund(event: Said, door: Door) -> Sequence[Fault]:
    lines, amount = event.data.lines or [], event.data.amount
    if amount is None and not lines:
        return [Fault("/data/amount", "refund-without-amount", "a refund says an amount, or lines with amounts")]
    if unpriced := [index for index, line in enumerate(lines) if line.amount is None]:
        return [
            Fault(f"/data/lines/{index}/amount", "missing", "a refunded line says its amount") for index in unpriced
        ]
    found = []
    priced = total(Decimal(line.amount) for line in lines)
    if amount is not None and lines and priced != Decimal(amount):
        text = f"the lines sum to {priced:f}, not to {amount}"
        found.append(Fault("/data/amount", "refund-amounts-differ", text))
    if (Decimal(amount) if amount is not None else priced) == 0:
        where = "/data/amount" if amount is not None else "/data/lines"
        found.append(Fault(where, "refund-zero", "a refund is above zero"))
    return found


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
    sales.OPPORTUNITY_WON: (*_OPPORTUNITY, when_rules.BEGAN_FIRST),
    sales.OPPORTUNITY_LOST: (*_OPPORTUNITY, when_rules.BEGAN_FIRST),
}
"""The rules of each sales event beyond those of every event; a cancellation has none."""
