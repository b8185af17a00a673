"""Credits that add up: each says a part, and together they are the whole."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from contracts.splits import total
from services.ingest.domain.door import DATA, Door, Event, Rule
from services.ingest.domain.faults import Fault


def _parts(event: Event, door: Door) -> Iterator[Fault]:
    for index, credit in enumerate(event["data"]["credits"]):
        shared, counted = credit.get("share") is not None, credit.get("amount") is not None
        if shared and counted:
            yield Fault(f"/data/credits/{index}", "credit-with-both", "a credit says a share or an amount, not both")
        elif not shared and not counted:
            yield Fault(f"/data/credits/{index}", "credit-without-part", "a credit says a share or an amount")


def _sums(event: Event, door: Door) -> Iterator[Fault]:
    credits = event["data"]["credits"]
    owners = [credit for credit in credits if not credit.get("overlay")]
    shares = [Decimal(share) for c in owners if (share := c.get("share")) is not None]
    amounts = [Decimal(amount) for c in owners if (amount := c.get("amount")) is not None]
    if shares and amounts:
        yield Fault("/data/credits", "credits-mixed", "the credits say shares or amounts, not some of each")
    elif shares or (credits and not amounts):
        if (whole := total(shares)) != 1:
            yield Fault("/data/credits", "shares-not-one", f"the shares without overlay sum to {whole:f}, not to 1")
    elif amounts and (given := total(amounts)) != (whole := Decimal(event["data"]["amount"])):
        yield Fault("/data/credits", "amounts-not-whole", f"the amounts sum to {given:f}, the whole is {whole:f}")


def _reps(event: Event, door: Door) -> Iterator[Fault]:
    seen: set[tuple[str, bool]] = set()
    for index, credit in enumerate(event["data"]["credits"]):
        if (who := (credit["rep_id"], bool(credit.get("overlay")))) in seen:
            yield Fault(f"/data/credits/{index}/rep_id", "rep-repeated", "this rep has a credit of this kind already")
        seen.add(who)


def _no_amounts(event: Event, door: Door) -> Iterator[Fault]:
    for index, credit in enumerate(event["data"]["credits"]):
        if credit.get("amount") is not None:
            yield Fault(f"/data/credits/{index}/amount", "credit-by-amount", "there is no amount to share: say a share")


_PARTS = Rule(DATA + r"|/data/credits(/\d+)?", _parts)
_SUMS = Rule(DATA + r"|/data/amount|/data/credits(/\d+(/(share|amount|overlay))?)?", _sums)
_REPS = Rule(DATA + r"|/data/credits(/\d+(/(rep_id|overlay))?)?", _reps)

OF_AN_AMOUNT = (_PARTS, _SUMS, _REPS)
"""For what has an amount: shares that sum to 1, or amounts that sum to it."""
OF_NO_AMOUNT = (_PARTS, Rule(DATA + r"|/data/credits(/\d+(/amount)?)?", _no_amounts), _SUMS, _REPS)
"""For what has none: shares that sum to 1."""
