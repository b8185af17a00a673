"""What kpi announces on ``fx-rates``: per currency the whole dated table of its rates (compacted)."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from msgspec import Meta, Struct

from contracts.sales import Currency

RATES_SET = "merit.rates.set.v1"

RateText = Annotated[str, Meta(pattern=r"^[0-9]{1,10}(\.[0-9]{1,10})?(?![\s\S])")]
"""How many units of the reporting currency one unit of the currency is: at most 10 digits on each side of the point."""


class DatedRate(Struct, frozen=True):
    """A rate from the local day ``valid_from`` until the next one begins."""

    valid_from: dt.date
    rate: RateText


class RateTable(Struct, frozen=True, kw_only=True):
    """A currency's rates into the reporting currency, in order of their first day; ``version`` counts the decisions."""

    currency: Currency
    reporting_currency: Currency
    version: Annotated[int, Meta(ge=1)]
    rates: list[DatedRate]
