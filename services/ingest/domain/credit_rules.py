"""Credits that add up: each says a part, and together they are the whole."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from contracts.splits import total
from services.ingest.domain.door import DATA, Door, Rule
from services.ingest.domain.faults import Fault
from services.ingest.domain.said import Said


def _parts(event: Said, door: Door) -> list[Fault]:
    found = []
    for index, credit in enumerate(event.data.credits):
        if (credit.share is None) != (credit.amount is None):
            continue
        if credit.share is None:
            found.append(Fault(f"/data/credits/{index}", "credit-without-part", "a credit says a share or an amount"))
        else:
            found.append(
                Fault(f"/data/credits/{index}", "credit-with-both", "a credit says a share or an amount, not both")
            )
    return found


def _sums(event: Said, door: Door) -> Sequence[Fault]:
    credits = event.data.credits
    shares: list[Decimal] = []
    amounts: list[Decimal] = []
    for credit in credits:
        if not credit.overlay:
            if credit.share is not None:
                shares.append(Decimal(credit.share))
            if credit.amount is not None:
                amounts.append(Decimal(credit.amount))
    if shares and amounts:
        return [Fault("/data/credits", "credits-mixed", "the credits say shares or amounts, not some of each")]
    if shares or (credits and not amounts):
        if (whole := total(shares)) != 1:
            text = f"the shares without overlay sum to {whole:f}, not to 1"
            return [Fault("/data/credits", "shares-not-one", text)]
    elif amounts and (given := total(amounts)) != (whole := Decimal(event.data.amount)):
        text = f"the amounts sum to {given:f}, the whole is {whole:f}"
        return [Fault("/data/credits", "amounts-not-whole", text)]
    return ()


def _reps(event: Said, door: Door) -> list[Fault]:
    found = []
    seen: set[tuple[str, bool]] = set()
    for index, credit in enumerate(event.data.credits):
        if (who := (credit.rep_id, bool(credit.overlay))) in seen:
            text = "this rep has a credit of this kind already"
            found.append(Fault(f"/data/credits/{index}/rep_id", "rep-repeated", text))
        seen.add(who)
    return found


def _no_amounts(event: Said, door: Door) -> list[Fault]:
    return [
        Fault(f"/data/credits/{index}/amount", "credit-by-amount", "there is no amount to share: say a share")
        for index, credit in enumerate(event.data.credits)
        if credit.amount is not None
    ]


_PARTS = Rule(DATA + r"|/data/credits(/\d+)?", _parts)
_SUMS = Rule(DATA + r"|/data/amount|/data/credits(/\d+(/(share|amount|overlay))?)?", _sums)
_REPS = Rule(DATA + r"|/data/credits(/\d+(/(rep_id|overlay))?)?", _reps)

OF_AN_AMOUNT = (_PARTS, _SUMS, _REPS)
"""For what has an amount: shares that sum to 1, or amounts that sum to it."""
OF_NO_AMOUNT = (_PARTS, Rule(DATA + r"|/data/credits(/\d+(/amount)?)?", _no_amounts), _SUMS, _REPS)
"""For what has none: shares that sum to 1."""
