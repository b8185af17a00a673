"""What ingest announces on ``custom-fields``: the fields of its own that a company has declared, by name."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from msgspec import Meta, Struct

CUSTOM_FIELD_DECLARED = "merit.custom_field.declared.v1"

FieldType = Literal["text", "decimal", "date", "boolean"]
FieldName = Annotated[str, Meta(min_length=1, max_length=64)]
"""Letters, digits and underscores of any script, no digit first: what ``attributes`` has the value under."""


class CustomField(Struct, frozen=True, kw_only=True):
    """A declaration as it stands: each record on the compacted topic replaces the one before of its name.

    A name has one type for ever, whatever becomes of the declaration, so that what was sent under it can be measured.
    In ``attributes`` a decimal is text (or a whole number), a date is text as in 2026-03-31. ``version`` grows by one
    with each change; ``active`` is false once the declaration was taken back.
    """

    name: FieldName
    version: Annotated[int, Meta(ge=1)]
    type: FieldType
    required: bool
    event_types: list[str]
    active: bool
    decided_at: dt.datetime
