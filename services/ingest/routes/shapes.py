"""The bodies and queries of the reading routes, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from contracts.envelope import ID_CHARACTERS_MAX

PAGE_ITEMS, PAGE_ITEMS_MAX = 50, 200

Text = Annotated[str, Field(min_length=1, max_length=ID_CHARACTERS_MAX, pattern=r"^[^\x00]*$")]


class FaultBody(BaseModel):
    """``pointer`` leads into the event; ``code`` is stable; ``detail`` is for people."""

    pointer: str
    code: str
    detail: str


class CheckBody(BaseModel):
    """One check of promise 1."""

    check: str
    ok: bool
    examined: int
    detail: str
