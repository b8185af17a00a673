"""What kpi announces on ``kpi-values``: each new version of a value, with the reason it changed."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct

from contracts.envelope import Identifier

VALUE_CHANGED = "merit.kpi.value.changed.v1"

Reason = Literal["live", "late", "import", "correction", "recompute"]
Grain = Literal["day", "week", "month", "quarter", "year"]
SubjectKind = Literal["rep", "team", "manager", "territory", "rep_territory", "company"]
COMPANY = "company"
"""The one subject of its kind."""


class ValueChanged(Struct, frozen=True, kw_only=True):
    """A KPI of a subject over ``[period_from, period_to)`` (local days) now has this value.

    ``value`` is exact for money and counts, at 6 places half up for ratios, and null with a ``null_reason`` over
    nothing. ``version`` counts this value's announced changes from 1.
    """

    kpi: Identifier
    definition_version: Annotated[int, Meta(ge=1)]
    subject_kind: SubjectKind
    subject: Identifier
    grain: Grain
    period_from: dt.date
    period_to: dt.date
    value: str | None
    numerator: str | None
    denominator: str | None
    null_reason: str | None
    unit: str
    version: Annotated[int, Meta(ge=1)]
    reason: Reason
    as_of: dt.datetime
