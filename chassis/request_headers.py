"""The headers that several services read, said alike."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

IfMatch = Annotated[str | None, Header(description="the ETag that was read; 412 if it has changed", max_length=100)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="the same request again, by this key, gives what it gave the first time",
        min_length=1,
        max_length=200,
    ),
]
